import { createImage, type Mesh, type RgbaImage } from '@gestalt3d/core';
import type { FieldReader } from '../field.ts';
import { marchingCubes } from '../isosurface/marching-cubes.ts';
import type { FitProblem } from '../problem.ts';
import { breather } from '../work.ts';
import { depthBuffer } from './depth-buffer.ts';
import type { PreviewCamera } from './preview-camera.ts';

/** Samples along the cube's edge of the mesh. */
const MESH_EDGE = 36;
const STEP = 1 / (MESH_EDGE - 1);
/** Points evaluated between two looks at the signal. */
const CHUNK = 8192;
/** Light that reaches every side. */
const AMBIENT = 0.35;

export interface Preview {
  /** Shaded surface as the camera sees it, transparent around it. */
  image: RgbaImage;
  /** Coarse surface with vertex colours, world frame. */
  mesh: Mesh;
}

/**
 * A field as it is now: a coarse mesh of it, and a picture of the surface that the field has near that mesh.
 * Undefined while it has none.
 * @param camera see previewCamera
 * @throws the signal's reason
 */
export async function renderPreview(
  reader: FieldReader,
  problem: Pick<FitProblem, 'support' | 'config'>,
  camera: PreviewCamera,
  signal: AbortSignal,
): Promise<Preview | undefined> {
  const pause = breather(signal);
  const { min, max } = reader.bounds;
  const edge = max[0] - min[0];
  /** Evaluates points in cube edges; distances come back in cube edges. */
  const evaluate = async (points: Float32Array, sdf: Float32Array, rgb?: Float32Array): Promise<void> => {
    const world = points.map((value, i) => min[i % 3] + edge * value);
    for (let from = 0; from < sdf.length; from += CHUNK) {
      const to = Math.min(sdf.length, from + CHUNK);
      reader.evaluate(world.subarray(from * 3, to * 3), sdf.subarray(from, to), rgb?.subarray(from * 3, to * 3));
      await pause();
    }
    for (let i = 0; i < sdf.length; i++) sdf[i] /= edge;
  };

  // 1. distances on a coarse grid, outside the hull none
  const data = new Float32Array(MESH_EDGE ** 3).fill(1);
  const slots = supportedVertices(problem);
  const points = new Float32Array(slots.length * 3);
  for (let i = 0; i < slots.length; i++) {
    const at = slots[i];
    points[i * 3] = (at % MESH_EDGE) * STEP;
    points[i * 3 + 1] = (Math.floor(at / MESH_EDGE) % MESH_EDGE) * STEP;
    points[i * 3 + 2] = Math.floor(at / MESH_EDGE ** 2) * STEP;
  }
  await pause();
  const values = new Float32Array(slots.length);
  await evaluate(points, values);
  for (let i = 0; i < slots.length; i++) data[slots[i]] = values[i];

  // 2. the coarse mesh
  const surface = await marchingCubes({ size: [MESH_EDGE, MESH_EDGE, MESH_EDGE], data }, 0);
  await pause();
  const { indices } = surface;
  if (indices.length === 0) return undefined;
  const positions = surface.positions.map((value) => value * STEP);
  const rgb = new Float32Array(positions.length);
  await evaluate(positions, new Float32Array(positions.length / 3), rgb);
  const mesh: Mesh = {
    positions: positions.map((value, i) => min[i % 3] + edge * value),
    indices,
    colors: Uint8Array.from(rgb, toByte),
  };
  await pause();

  // 3. the picture: from the mesh to the field's own surface, then light from its slope
  const depth = depthBuffer(positions, indices, camera);
  await pause();
  return { image: await shade(camera, depth, evaluate), mesh };
}

async function shade(
  camera: PreviewCamera,
  depth: Float32Array,
  evaluate: (points: Float32Array, sdf: Float32Array, rgb?: Float32Array) => Promise<void>,
): Promise<RgbaImage> {
  const { size, origin } = camera;
  const image = createImage(size, size, 4);
  const seen: number[] = [];
  depth.forEach((value, at) => {
    if (value < Infinity) seen.push(at);
  });
  const count = seen.length;
  const rays = seen.map((at) => camera.direction((at % size) + 0.5, Math.floor(at / size) + 0.5));
  const points = new Float32Array(count * 3);
  const along = Float32Array.from(seen, (at) => depth[at]);
  const place = () => {
    for (let i = 0; i < count; i++) for (let c = 0; c < 3; c++) points[i * 3 + c] = origin[c] + along[i] * rays[i][c];
  };
  const sdf = new Float32Array(count);
  const rgb = new Float32Array(count * 3);
  place();
  await evaluate(points, sdf);
  for (let i = 0; i < count; i++) along[i] += Math.max(-STEP, Math.min(STEP, sdf[i]));
  place();
  await evaluate(points, sdf, rgb);

  // forward differences: the slope's direction is all that light needs
  const normals = new Float32Array(count * 3);
  const moved = new Float32Array(count);
  for (let c = 0; c < 3; c++) {
    const ahead = points.slice();
    for (let i = 0; i < count; i++) ahead[i * 3 + c] += STEP / 2;
    await evaluate(ahead, moved);
    for (let i = 0; i < count; i++) normals[i * 3 + c] = moved[i] - sdf[i];
  }
  const light = lightOf(camera);
  for (let i = 0; i < count; i++) {
    const [x, y, z] = normals.subarray(i * 3, i * 3 + 3);
    const cosine = (x * light[0] + y * light[1] + z * light[2]) / Math.max(1e-12, Math.hypot(x, y, z));
    const brightness = AMBIENT + (1 - AMBIENT) * Math.max(0, cosine);
    for (let c = 0; c < 3; c++) image.data[seen[i] * 4 + c] = toByte(rgb[i * 3 + c] * brightness);
    image.data[seen[i] * 4 + 3] = 255;
  }
  return image;
}

/** Unit direction to a light above the camera's left shoulder. */
function lightOf(camera: PreviewCamera): number[] {
  const corner = camera.direction(0, 0);
  const middle = camera.direction(camera.size / 2, camera.size / 2);
  const light = corner.map((value, c) => 1.5 * (value - middle[c]) - middle[c]);
  const length = Math.hypot(...light);
  return light.map((value) => value / length);
}

const toByte = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * 255);

/** The grid's vertices that lie in the visual hull. */
function supportedVertices({ support, config }: Pick<FitProblem, 'support' | 'config'>): number[] {
  const edge = config.occupancyEdge;
  const cell = Array.from({ length: MESH_EDGE }, (_, i) => Math.min(edge - 1, Math.floor(i * STEP * edge)));
  const found: number[] = [];
  for (let k = 0, at = 0; k < MESH_EDGE; k++)
    for (let j = 0; j < MESH_EDGE; j++)
      for (let i = 0; i < MESH_EDGE; i++, at++) if (support[cell[i] + edge * (cell[j] + edge * cell[k])]) found.push(at);
  return found;
}
