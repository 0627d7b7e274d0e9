import { type Camera, createImage, type Mesh, type RgbaImage, type RgbImage, reframeCamera } from '@gestalt3d/core';
import { computeNormals } from './normals.ts';
import { type Raster, rasteriseView } from './rasterise.ts';

export interface RenderOptions {
  /**
   * What a pixel shows. `lit`: the mesh's colour under a soft light; `unlit`: its colour as it is; `clay`: grey under the light, for shape;
   * `normals`: world normal, xyz from -1..1 to RGB.
   */
  mode?: 'lit' | 'unlit' | 'clay' | 'normals';
  /** sRGB; without it what is beside the object is transparent. */
  background?: readonly [number, number, number];
  /** Samples per pixel and axis. */
  supersample?: number;
}

export const RENDER_DEFAULTS: Readonly<Required<Omit<RenderOptions, 'background'>>> = { mode: 'lit', supersample: 2 };

/** Picture of a mesh: its texture, else its vertex colours, else clay. Bilinear and mip-mapped texture, box-filtered supersampling. */
export function renderMesh(mesh: Mesh, camera: Camera, options: RenderOptions = {}): RgbaImage {
  const { mode, supersample, background } = { ...RENDER_DEFAULTS, ...options };
  const fine = reframeCamera(camera, {
    scale: supersample,
    dx: 0,
    dy: 0,
    width: camera.width * supersample,
    height: camera.height * supersample,
  });
  const raster = rasteriseView(mesh, fine);
  const pixels = shade(mesh, raster, fine, mode);

  // box filter, colour weighted by coverage
  const out = createImage(camera.width, camera.height, 4);
  const samples = supersample * supersample;
  for (let y = 0; y < out.height; y++)
    for (let x = 0; x < out.width; x++) {
      let r = 0;
      let g = 0;
      let b = 0;
      let covered = 0;
      for (let j = 0; j < supersample; j++)
        for (let i = 0; i < supersample; i++) {
          const at = (y * supersample + j) * raster.width + x * supersample + i;
          if (raster.triangle[at] < 0) continue;
          covered++;
          r += pixels[at * 3];
          g += pixels[at * 3 + 1];
          b += pixels[at * 3 + 2];
        }
      const to = (y * out.width + x) * 4;
      const rest = samples - covered;
      if (background) {
        out.data[to] = Math.round((r + rest * background[0]) / samples);
        out.data[to + 1] = Math.round((g + rest * background[1]) / samples);
        out.data[to + 2] = Math.round((b + rest * background[2]) / samples);
        out.data[to + 3] = 255;
      } else if (covered > 0) {
        out.data[to] = Math.round(r / covered);
        out.data[to + 1] = Math.round(g / covered);
        out.data[to + 2] = Math.round(b / covered);
        out.data[to + 3] = Math.round((255 * covered) / samples);
      }
    }
  return out;
}

function shade(mesh: Mesh, raster: Raster, camera: Camera, mode: 'lit' | 'unlit' | 'clay' | 'normals'): Float32Array {
  const { triangle, weights } = raster;
  const out = new Float32Array(triangle.length * 3);
  const { indices, colors, uvs, texture } = mesh;
  const normals = mode === 'unlit' ? undefined : (mesh.normals ?? computeNormals(mesh));
  const mips = mode !== 'clay' && mode !== 'normals' && uvs && texture ? mipPyramid(texture) : undefined;
  const level = mips && uvs ? mipLevels(mesh, raster, mips[0]) : undefined;
  const sample = new Float32Array(3);
  const m = camera.worldFromCamera;
  for (let at = 0; at < triangle.length; at++) {
    const t = triangle[at];
    if (t < 0) continue;
    const a = indices[t * 3];
    const b = indices[t * 3 + 1];
    const c = indices[t * 3 + 2];
    const wb = weights[at * 2];
    const wc = weights[at * 2 + 1];
    const wa = 1 - wb - wc;
    if (mips && uvs && level) {
      const u = uvs[a * 2] * wa + uvs[b * 2] * wb + uvs[c * 2] * wc;
      const v = uvs[a * 2 + 1] * wa + uvs[b * 2 + 1] * wb + uvs[c * 2 + 1] * wc;
      sampleBilinear(mips[Math.min(level[t], mips.length - 1)], u, v, sample);
    } else if (colors && mode !== 'clay') {
      for (let k = 0; k < 3; k++) sample[k] = colors[a * 3 + k] * wa + colors[b * 3 + k] * wb + colors[c * 3 + k] * wc;
    } else sample.fill(190);
    if (normals) {
      let nx = normals[a * 3] * wa + normals[b * 3] * wb + normals[c * 3] * wc;
      let ny = normals[a * 3 + 1] * wa + normals[b * 3 + 1] * wb + normals[c * 3 + 1] * wc;
      let nz = normals[a * 3 + 2] * wa + normals[b * 3 + 2] * wb + normals[c * 3 + 2] * wc;
      const length = Math.hypot(nx, ny, nz) || 1;
      nx /= length;
      ny /= length;
      nz /= length;
      if (mode === 'normals') {
        sample[0] = 127.5 * (nx + 1);
        sample[1] = 127.5 * (ny + 1);
        sample[2] = 127.5 * (nz + 1);
      } else {
        // key light up and left behind the camera, wrapped; sky above, a little bounce below
        const right = nx * m[0] + ny * m[1] + nz * m[2];
        const up = nx * m[4] + ny * m[5] + nz * m[6];
        const toward = Math.abs(nx * m[8] + ny * m[9] + nz * m[10]);
        const key = Math.max(0, (-0.42 * right + 0.52 * up + 0.74 * toward + 0.25) / 1.25);
        const sky = 0.5 + 0.5 * ny;
        const light = (mode === 'clay' ? 0.22 : 0.5) + (mode === 'clay' ? 0.68 : 0.5) * key + (mode === 'clay' ? 0.16 : 0.14) * sky;
        for (let k = 0; k < 3; k++) sample[k] = Math.min(255, sample[k] * light);
      }
    }
    out[at * 3] = sample[0];
    out[at * 3 + 1] = sample[1];
    out[at * 3 + 2] = sample[2];
  }
  return out;
}

/** Texture at (u, v), (0, 0) top left, bilinear between texel centres, borders clamped. */
export function sampleBilinear(texture: RgbImage, u: number, v: number, out: Float32Array): void {
  const { width, height, data } = texture;
  const x = Math.min(Math.max(u * width - 0.5, 0), width - 1);
  const y = Math.min(Math.max(v * height - 0.5, 0), height - 1);
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const fx = x - x0;
  const fy = y - y0;
  const p = (y0 * width + x0) * 3;
  const right = x0 + 1 < width ? 3 : 0;
  const down = y0 + 1 < height ? width * 3 : 0;
  for (let k = 0; k < 3; k++) {
    const top = data[p + k] + (data[p + right + k] - data[p + k]) * fx;
    const bottom = data[p + down + k] + (data[p + down + right + k] - data[p + down + k]) * fx;
    out[k] = top + (bottom - top) * fy;
  }
}

function mipPyramid(texture: RgbImage): RgbImage[] {
  const levels = [texture];
  for (let from = texture; from.width >= 64 && from.height >= 64 && levels.length < 5; from = levels[levels.length - 1]) {
    const to = createImage(from.width >> 1, from.height >> 1, 3);
    for (let y = 0; y < to.height; y++)
      for (let x = 0; x < to.width; x++)
        for (let k = 0; k < 3; k++) {
          const p = (y * 2 * from.width + x * 2) * 3 + k;
          to.data[(y * to.width + x) * 3 + k] =
            (from.data[p] + from.data[p + 3] + from.data[p + from.width * 3] + from.data[p + from.width * 3 + 3] + 2) >> 2;
        }
    levels.push(to);
  }
  return levels;
}

/** Level per triangle from texels per covered pixel, only where pixels were counted. */
function mipLevels(mesh: Mesh, raster: Raster, texture: RgbImage): Uint8Array {
  const count = mesh.indices.length / 3;
  const pixels = new Float32Array(count);
  for (const t of raster.triangle) if (t >= 0) pixels[t]++;
  let texels = 0;
  let covered = 0;
  const area = new Float32Array(count);
  for (let t = 0; t < count; t++) {
    const [a, b, c] = [mesh.indices[t * 3] * 2, mesh.indices[t * 3 + 1] * 2, mesh.indices[t * 3 + 2] * 2];
    const uv = mesh.uvs!;
    area[t] =
      (Math.abs((uv[b] - uv[a]) * (uv[c + 1] - uv[a + 1]) - (uv[b + 1] - uv[a + 1]) * (uv[c] - uv[a])) / 2) *
      texture.width *
      texture.height;
    if (pixels[t] > 0) {
      texels += area[t];
      covered += pixels[t];
    }
  }
  // small triangles count few pixels and would flicker between levels: they take the picture's mean
  const mean = covered > 0 ? texels / covered : 1;
  const levels = new Uint8Array(count);
  for (let t = 0; t < count; t++) {
    const ratio = pixels[t] >= 24 ? area[t] / pixels[t] : mean;
    // blur no more than the pixel grid does: the level below, not above
    levels[t] = Math.max(0, Math.floor(Math.log2(Math.max(ratio, 1)) / 2));
  }
  return levels;
}
