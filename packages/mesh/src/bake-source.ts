import { boundingBox, cameraFromWorld, type Mesh, meshBounds, type RgbaImage, reframeCamera, resample, type View } from '@gestalt3d/core';
import { distanceToZero } from './distance.ts';
import { type Exposure, NO_EXPOSURE } from './exposure.ts';
import { rasteriseView } from './rasterise.ts';

export type SourceKind = 'photo' | 'completion' | 'generated';

/** A picture that colours are taken from; alpha says where it shows the object. */
export interface BakeSource {
  kind: SourceKind;
  view: View;
}

/** Longest side in pixels of what is kept of a source, and of its depth buffer. */
const MAX_SIDE = 2048;
const MAX_DEPTH_SIDE = 1024;
const MIN_DEPTH_SIDE = 512;

/** A source cut to its object, with what decides how far a pixel of it can be trusted. */
export interface PreparedSource {
  kind: SourceKind;
  image: RgbaImage;
  /** World to camera and intrinsics in pixels of `image`. */
  matrix: Float64Array;
  flX: number;
  flY: number;
  cx: number;
  cy: number;
  eye: [number, number, number];
  /**
   * How far into trusted ground a pixel lies, in pixels [H, W]: distance to what is not the object, or to a jump of the mesh's depth, whichever
   * is nearer, less the margin that is never used.
   */
  margin: Float32Array;
  /** Pixels of `margin` over which the source fades in. */
  featherPx: number;
  /** Depth of the mesh at `depthScale` times the image's size. */
  depth: Float32Array;
  depthScale: number;
  depthWidth: number;
  depthHeight: number;
  /** Allowance for the depth test in world units. */
  bias: number;
  /** Applied to the colours of every sample; none to begin with. */
  exposure: Readonly<Exposure>;
}

/** Undefined when the picture shows nothing. */
export function prepareSource(mesh: Mesh, source: BakeSource, options: { erodePx: number; featherPx: number }): PreparedSource | undefined {
  const box = boundingBox(source.view.image);
  if (!box) return undefined;

  // 1. cut to the object and bound the size
  const x0 = Math.max(0, box.x0 - 2);
  const y0 = Math.max(0, box.y0 - 2);
  const x1 = Math.min(source.view.image.width, box.x1 + 2);
  const y1 = Math.min(source.view.image.height, box.y1 + 2);
  const shrink = Math.min(1, MAX_SIDE / Math.max(x1 - x0, y1 - y0));
  const width = Math.max(1, Math.round((x1 - x0) * shrink));
  const height = Math.max(1, Math.round((y1 - y0) * shrink));
  const image = resample(source.view.image, width, height, { x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
  const camera = reframeCamera(source.view.camera, { scale: shrink, dx: -x0 * shrink, dy: -y0 * shrink, width, height });

  // 2. distance to what is not the object; the picture's own border is no such thing
  const solid = new Uint8Array(width * height);
  for (let i = 0; i < solid.length; i++) solid[i] = image.data[i * 4 + 3] > 127 ? 1 : 0;
  const inside = distanceToZero(solid, width, height);

  // 3. depth of the mesh and its jumps
  const side = Math.max(width, height);
  const depthScale = side > MAX_DEPTH_SIDE ? MAX_DEPTH_SIDE / side : Math.max(1, Math.round(MIN_DEPTH_SIDE / side));
  const depthWidth = Math.max(1, Math.round(width * depthScale));
  const depthHeight = Math.max(1, Math.round(height * depthScale));
  const { depth } = rasteriseView(mesh, reframeCamera(camera, { scale: depthScale, dx: 0, dy: 0, width: depthWidth, height: depthHeight }));
  const { min, max } = meshBounds(mesh.positions);
  const extent = Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2]);
  const jumpFree = new Uint8Array(width * height).fill(1);
  const leap = (a: number, b: number) =>
    depth[a] !== Infinity &&
    depth[b] !== Infinity &&
    Math.abs(depth[a] - depth[b]) > Math.max(0.02 * extent, (6 * depth[a]) / (camera.flX * depthScale));
  for (let y = 0; y < depthHeight; y++)
    for (let x = 0; x < depthWidth; x++) {
      const at = y * depthWidth + x;
      if (!((x + 1 < depthWidth && leap(at, at + 1)) || (y + 1 < depthHeight && leap(at, at + depthWidth)))) continue;
      const column = Math.min(width - 1, Math.floor((x + 0.5) / depthScale));
      const row = Math.min(height - 1, Math.floor((y + 0.5) / depthScale));
      jumpFree[row * width + column] = 0;
    }
  const clear = distanceToZero(jumpFree, width, height);

  // 4. outlines are known to a pixel or so, or to a share of the object where pixels are many
  const erodePx = Math.max(options.erodePx, 0.003 * side);
  const jumpErodePx = Math.max(options.erodePx, 0.006 * side);
  const margin = inside;
  for (let i = 0; i < margin.length; i++) margin[i] = Math.min(margin[i] - erodePx, clear[i] - jumpErodePx);

  const m = camera.worldFromCamera;
  return {
    kind: source.kind,
    image,
    matrix: cameraFromWorld(camera),
    flX: camera.flX,
    flY: camera.flY,
    cx: camera.cx,
    cy: camera.cy,
    eye: [m[12], m[13], m[14]],
    margin,
    // in small pictures a wide band would leave nothing of thin parts
    featherPx: Math.max(Math.min(options.featherPx, 0.03 * side), 0.02 * side),
    depth,
    depthScale,
    depthWidth,
    depthHeight,
    bias: 0.003 * extent,
    exposure: NO_EXPOSURE,
  };
}

export interface Sample {
  /** Nothing hides the point, and it faces the camera, in the frame: so even where it is too near an outline to take a colour. */
  inSight: boolean;
  r: number;
  g: number;
  b: number;
  /** Of the angle between the normal and the direction to the camera. */
  cos: number;
}

/** How far a source shows a surface point, 0..1: 0 unless it is in front, inside the outline by the margin and not hidden. Fills `out` when > 0, `inSight` always. */
export function sampleSource(s: PreparedSource, x: number, y: number, z: number, nx: number, ny: number, nz: number, out: Sample): number {
  out.inSight = false;

  // 1. angle
  const dx = s.eye[0] - x;
  const dy = s.eye[1] - y;
  const dz = s.eye[2] - z;
  const cos = (nx * dx + ny * dy + nz * dz) / Math.sqrt(dx * dx + dy * dy + dz * dz);
  if (cos <= 0.02) return 0;

  // 2. projection
  const m = s.matrix;
  const depth = -(m[2] * x + m[6] * y + m[10] * z + m[14]);
  if (depth <= 1e-4) return 0;
  const u = s.cx + (s.flX * (m[0] * x + m[4] * y + m[8] * z + m[12])) / depth;
  const v = s.cy - (s.flY * (m[1] * x + m[5] * y + m[9] * z + m[13])) / depth;
  const { width, height } = s.image;
  if (u < 0 || v < 0 || u >= width || v >= height) return 0;

  // 3. depth test: a pixel's footprint on a slope spans footprint * tan
  const zx = Math.min(s.depthWidth - 1, Math.floor(u * s.depthScale));
  const zy = Math.min(s.depthHeight - 1, Math.floor(v * s.depthScale));
  const zAt = zy * s.depthWidth + zx;
  const footprint = depth / (s.flX * s.depthScale);
  const tan = Math.min(8, Math.sqrt(Math.max(0, 1 - cos * cos)) / cos);
  if (depth > s.depth[zAt] + s.bias + footprint * (0.75 + tan)) return 0;
  out.inSight = true;

  // 4. outline and depth jumps
  const px = Math.min(Math.max(u - 0.5, 0), width - 1);
  const py = Math.min(Math.max(v - 0.5, 0), height - 1);
  const column = Math.floor(px);
  const row = Math.floor(py);
  const fx = px - column;
  const fy = py - row;
  const at = row * width + column;
  const right = column + 1 < width ? 1 : 0;
  const down = row + 1 < height ? width : 0;
  const { margin } = s;
  const distance =
    (margin[at] * (1 - fx) + margin[at + right] * fx) * (1 - fy) + (margin[at + down] * (1 - fx) + margin[at + down + right] * fx) * fy;
  if (distance <= 0) return 0;

  // 5. colour; the margin of 1.5 px or more keeps all four pixels inside the outline
  const { data } = s.image;
  const p = at * 4;
  const q = p + right * 4;
  const d = down * 4;
  const { gain, offset } = s.exposure;
  const mix = (k: number) =>
    ((data[p + k] * (1 - fx) + data[q + k] * fx) * (1 - fy) + (data[p + d + k] * (1 - fx) + data[q + d + k] * fx) * fy) * gain[k] +
    offset[k];
  out.r = mix(0);
  out.g = mix(1);
  out.b = mix(2);
  out.cos = cos;
  return smoothstep(0, s.featherPx, distance);
}

export function smoothstep(from: number, to: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return t * t * (3 - 2 * t);
}
