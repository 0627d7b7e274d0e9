import { createImage, type Mask, type Mesh, meshBounds, type RgbImage, ShapeMismatchError } from '@gestalt3d/core';
import { type BakeSource, type PreparedSource, prepareSource, type Sample, sampleSource, smoothstep } from './bake-source.ts';
import { type Exposure, ExposureMatcher, NO_EXPOSURE } from './exposure.ts';
import { extendAtlas } from './extend-atlas.ts';
import { fillGutters } from './fill.ts';
import { levelField, vertexGraph } from './level.ts';
import type { ColorAt } from './material-color.ts';
import { computeNormals } from './normals.ts';
import { rasteriseAtlas } from './rasterise.ts';
import { triangleArea, weldMap } from './topology.ts';

export interface BakeOptions {
  /** Edge of the square texture in texels. */
  textureSize: number;
  /** Pixels along a source's outline that are never used: there the background or what stands in front mixes in. */
  erodePx: number;
  /** Pixels over which a source fades in behind that margin. */
  featherPx: number;
  /** Generated views are averaged with cos^k of the viewing angle: the larger, the sharper and the harder the seams. */
  angleExponent: number;
  /** Brings pictures and vertex colours to the colours of the photo (without one, of the completion) where they meet. */
  matchExposure: boolean;
}

export const BAKE_DEFAULTS: Readonly<BakeOptions> = {
  textureSize: 1024,
  erodePx: 1.5,
  featherPx: 3,
  angleExponent: 8,
  matchExposure: true,
};

/** Callbacks of a long bake. `tick` is awaited between tiles: throw to stop, report to show. */
export interface BakeHooks {
  /** Colours of the surface as it came, which lie under everything; without it vertex colours do. */
  colorAt?: ColorAt;
  tick?(done: number, total: number): Promise<void>;
}

export interface Baked {
  texture: RgbImage;
  /** Where each texel's colour is from, 0..255 in red: photo, green: completion, blue: generated views; black: none of them (vertex colours). */
  origin: RgbImage;
  /**
   * How well the pictures that gave a texel its colour see the place, 0..255: cosine of the viewing angle times the fade at outlines, depth
   * jumps and flat angles; for generated views also times exp(-s / 32), s the standard deviation of their colours there. 0: no picture.
   */
  confidence: Mask;
  /** Shares of the surface's area; they add up to 1. `guessed` is everything that neither photo nor completion shows. */
  seen: { photo: number; completion: number; guessed: number };
  /** Share of the surface that no picture shows at all: vertex colours. */
  unseen: number;
  /** What brought each source, in their order, to the exposure of the photo. */
  exposures: Readonly<Exposure>[];
}

/** The cosines between which a source fades in; below, its pixels are smeared over too much surface. */
const FADE: Readonly<Record<BakeSource['kind'], readonly [number, number]>> = {
  photo: [0.15, 0.4],
  completion: [0.2, 0.45],
  generated: [0.06, 0.25],
};
const TILE_ROWS = 32;

/**
 * Texture of an unwrapped mesh from posed pictures, layered: vertex colours, over them the mean of the generated views, over that the
 * completion, over that the photo. Each layer fades out at its outlines, at depth jumps and at flat angles. First every picture gets a gain and an
 * offset by which all agree where they overlap (exposure.ts); then lower layers get what they still differ from upper ones by, as a smooth
 * field that fades out over the surface (level.ts). The photo's own pixels stay as they are.
 */
export async function bakeTexture(
  mesh: Mesh,
  sources: readonly BakeSource[],
  options: Readonly<BakeOptions> = BAKE_DEFAULTS,
  hooks: BakeHooks = {},
): Promise<Baked> {
  const vertexCount = mesh.positions.length / 3;
  if (mesh.uvs?.length !== vertexCount * 2) throw new ShapeMismatchError('uvs', ['P', 2], mesh.uvs ? [mesh.uvs.length / 2, 2] : [0, 2]);
  const { textureSize: size } = options;
  const tiles = Math.ceil(size / TILE_ROWS);
  const total = tiles + sources.length;
  let done = 0;
  const normals = mesh.normals ?? computeNormals(mesh);
  const prepared: PreparedSource[] = [];
  const preparedOf: (PreparedSource | undefined)[] = [];
  for (const source of sources) {
    await hooks.tick?.(done++, total);
    const ready = prepareSource(mesh, source, options);
    preparedOf.push(ready);
    if (ready) prepared.push(ready);
  }
  if (options.matchExposure) matchExposures(mesh, prepared);
  const exposures = preparedOf.map((ready) => ready?.exposure ?? NO_EXPOSURE);
  const baker = new Baker(prepared, options.angleExponent);
  const { lift, base } = matchLayers(mesh, normals, baker, options.matchExposure);

  const raster = rasteriseAtlas(mesh, size);
  const beside = extendAtlas(raster, mesh);
  const rgb = new Float32Array(size * size * 3);
  const covered = new Uint8Array(size * size);
  const origin = createImage(size, size, 3);
  const confidence = createImage(size, size, 1);
  const areas = texelAreas(mesh, size);
  const seen = { photo: 0, completion: 0, guessed: 0 };
  let unseen = 0;
  let surface = 0;
  const { positions: p, indices } = mesh;
  const at3 = [0, 0, 0];
  const under = new Float32Array(3);
  for (let tile = 0; tile < tiles; tile++) {
    await hooks.tick?.(done++, total);
    const end = Math.min(size, (tile + 1) * TILE_ROWS) * size;
    for (let texel = tile * TILE_ROWS * size; texel < end; texel++) {
      const t = raster.triangle[texel];
      if (t < 0) continue;
      const a = indices[t * 3];
      const b = indices[t * 3 + 1];
      const c = indices[t * 3 + 2];
      const wb = raster.weights[texel * 2];
      const wc = raster.weights[texel * 2 + 1];
      const wa = 1 - wb - wc;
      const mix = (values: Float32Array, k: number) => values[a * 3 + k] * wa + values[b * 3 + k] * wb + values[c * 3 + k] * wc;
      for (let k = 0; k < 3; k++) at3[k] = mix(p, k);
      let nx = mix(normals, 0);
      let ny = mix(normals, 1);
      let nz = mix(normals, 2);
      const length = Math.hypot(nx, ny, nz) || 1;
      nx /= length;
      ny /= length;
      nz /= length;
      baker.look(at3[0], at3[1], at3[2], nx, ny, nz);
      const { photo, completion, generated } = baker;
      const { alpha: ap } = photo;
      const { alpha: ac } = completion;
      const { alpha: ag } = generated;
      hooks.colorAt?.(at3[0], at3[1], at3[2], under);
      for (let k = 0; k < 3; k++) {
        let value = mix(base, k);
        // what levelling added to the vertex colours is added to the finer ones
        if (hooks.colorAt)
          value +=
            under[k] - (mesh.colors ? mesh.colors[a * 3 + k] * wa + mesh.colors[b * 3 + k] * wb + mesh.colors[c * 3 + k] * wc : value);
        value += (generated.rgb[k] + mix(lift, k) - value) * ag;
        value += (completion.rgb[k] - value) * ac;
        value += (photo.rgb[k] - value) * ap;
        rgb[texel * 3 + k] = Math.min(255, Math.max(0, value));
      }
      covered[texel] = 1;
      const byCompletion = (1 - ap) * ac;
      const byGenerated = (1 - ap) * (1 - ac) * ag;
      origin.data[texel * 3] = Math.round(255 * ap);
      origin.data[texel * 3 + 1] = Math.round(255 * byCompletion);
      origin.data[texel * 3 + 2] = Math.round(255 * byGenerated);
      const sure = photo.confidence * ap + completion.confidence * byCompletion + generated.confidence * byGenerated;
      confidence.data[texel] = Math.round(255 * sure);
      if (beside[texel]) continue;
      const area = areas[t];
      surface += area;
      if (ap >= 0.5) seen.photo += area;
      else if (ap + byCompletion >= 0.5) seen.completion += area;
      else {
        seen.guessed += area;
        if (ag < 0.5) unseen += area;
      }
    }
  }
  fillGutters(rgb, covered, size);
  const texture = createImage(size, size, 3);
  for (let i = 0; i < rgb.length; i++) texture.data[i] = Math.round(rgb[i]);
  const filled = Float32Array.from(origin.data);
  fillGutters(filled, covered, size);
  for (let i = 0; i < filled.length; i++) origin.data[i] = Math.round(filled[i]);
  for (let i = 0; i < filled.length; i++) filled[i] = confidence.data[Math.floor(i / 3)];
  fillGutters(filled, covered, size);
  for (let i = 0; i < confidence.data.length; i++) confidence.data[i] = Math.round(filled[i * 3]);
  const share = (value: number) => (surface > 0 ? value / surface : 0);
  return {
    texture,
    origin,
    confidence,
    seen: { photo: share(seen.photo), completion: share(seen.completion), guessed: surface > 0 ? share(seen.guessed) : 1 },
    unseen: share(unseen),
    exposures,
  };
}

interface Layer {
  rgb: Float64Array;
  alpha: number;
  /** 0..1; see Baked. */
  confidence: number;
}

/** Looks at one surface point through all sources. */
class Baker {
  readonly photo: Layer = { rgb: new Float64Array(3), alpha: 0, confidence: 0 };
  readonly completion: Layer = { rgb: new Float64Array(3), alpha: 0, confidence: 0 };
  readonly generated: Layer = { rgb: new Float64Array(3), alpha: 0, confidence: 0 };
  readonly #sources: readonly PreparedSource[];
  readonly #exponent: number;
  readonly #sample: Sample = { r: 0, g: 0, b: 0, cos: 0 };

  constructor(sources: readonly PreparedSource[], exponent: number) {
    this.#sources = sources;
    this.#exponent = exponent;
  }

  look(x: number, y: number, z: number, nx: number, ny: number, nz: number): void {
    const s = this.#sample;
    this.photo.alpha = 0;
    this.completion.alpha = 0;
    let weights = 0;
    let best = 0;
    let r = 0;
    let g = 0;
    let b = 0;
    let squares = 0;
    let clearest = 0;
    for (const source of this.#sources) {
      const trust = sampleSource(source, x, y, z, nx, ny, nz, s);
      if (trust <= 0) continue;
      const fade = FADE[source.kind];
      const alpha = trust * smoothstep(fade[0], fade[1], s.cos);
      if (source.kind === 'generated') {
        const weight = alpha * s.cos ** this.#exponent;
        weights += weight;
        r += s.r * weight;
        g += s.g * weight;
        b += s.b * weight;
        squares += (s.r * s.r + s.g * s.g + s.b * s.b) * weight;
        if (alpha > best) best = alpha;
        if (alpha * s.cos > clearest) clearest = alpha * s.cos;
      } else {
        const layer = this[source.kind];
        if (alpha <= layer.alpha) continue;
        layer.alpha = alpha;
        layer.confidence = alpha * s.cos;
        layer.rgb[0] = s.r;
        layer.rgb[1] = s.g;
        layer.rgb[2] = s.b;
      }
    }
    // thin parts never lie deep inside an outline: what little shows them is better than none
    this.generated.alpha = weights > 0 ? Math.min(1, best * 3) : 0;
    if (weights > 0) {
      this.generated.rgb[0] = r / weights;
      this.generated.rgb[1] = g / weights;
      this.generated.rgb[2] = b / weights;
      const variance = (squares / weights - (r * r + g * g + b * b) / (weights * weights)) / 3;
      this.generated.confidence = clearest * Math.exp(-Math.sqrt(Math.max(0, variance)) / 32);
    }
  }
}

/** A colour this near to white may be more than white: it says nothing about exposure. */
const CLIPPED = 252;

/** Sets `exposure` of the sources from what they show of the middles of the triangles. */
function matchExposures(mesh: Mesh, sources: readonly PreparedSource[]): void {
  const kinds: readonly BakeSource['kind'][] = ['photo', 'completion'];
  const anchor = kinds.find((kind) => sources.some((source) => source.kind === kind));
  const { min, max } = meshBounds(mesh.positions);
  const size = Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2]) || 1;
  const matcher = new ExposureMatcher(
    sources.map(({ kind }) => kind === anchor),
    min,
    size,
  );
  const { positions: p, indices } = mesh;
  const seen = new Int32Array(sources.length);
  const rgb = new Float32Array(sources.length * 3);
  const weight = new Float32Array(sources.length);
  const sample: Sample = { r: 0, g: 0, b: 0, cos: 0 };
  for (let t = 0; t < indices.length; t += 3) {
    const [a, b, c] = [indices[t] * 3, indices[t + 1] * 3, indices[t + 2] * 3];
    const place = [0, 1, 2].map((k) => (p[a + k] + p[b + k] + p[c + k]) / 3);
    const u = [0, 1, 2].map((k) => p[b + k] - p[a + k]);
    const v = [0, 1, 2].map((k) => p[c + k] - p[a + k]);
    const normal = [0, 1, 2].map((k) => u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3]);
    const length = Math.hypot(...normal);
    if (length === 0) continue;
    let count = 0;
    sources.forEach((source, s) => {
      const trust = sampleSource(source, place[0], place[1], place[2], normal[0] / length, normal[1] / length, normal[2] / length, sample);
      if (trust <= 0 || Math.max(sample.r, sample.g, sample.b) >= CLIPPED) return;
      const fade = FADE[source.kind];
      const sure = trust * smoothstep(fade[0], fade[1], sample.cos) * Math.sqrt(length);
      if (sure <= 0) return;
      seen[count] = s;
      weight[count] = sure;
      rgb.set([sample.r, sample.g, sample.b], count * 3);
      count++;
    });
    matcher.add(place, count, seen, rgb, weight);
  }
  matcher.solve().forEach((exposure, s) => {
    sources[s].exposure = exposure;
  });
}

/** Colours of the lower layers per vertex: `base` under everything, `lift` added to the generated views. */
function matchLayers(mesh: Mesh, normals: Float32Array, baker: Baker, match: boolean): { lift: Float32Array; base: Float32Array } {
  const { vertexOf, first, count } = weldMap(mesh.positions);
  const { positions: p } = mesh;
  const upper = new Float32Array(count * 3);
  const upperWeight = new Float32Array(count);
  const middle = new Float32Array(count * 3);
  const middleWeight = new Float32Array(count);
  for (let w = 0; w < count; w++) {
    const v = first[w] * 3;
    baker.look(p[v], p[v + 1], p[v + 2], normals[v], normals[v + 1], normals[v + 2]);
    const { photo, completion, generated } = baker;
    upperWeight[w] = 1 - (1 - photo.alpha) * (1 - completion.alpha);
    middleWeight[w] = generated.alpha;
    for (let k = 0; k < 3; k++) {
      if (upperWeight[w] > 0)
        upper[w * 3 + k] = (photo.rgb[k] * photo.alpha + completion.rgb[k] * (1 - photo.alpha) * completion.alpha) / upperWeight[w];
      middle[w * 3 + k] = generated.rgb[k];
    }
  }
  const welded = Uint32Array.from(mesh.indices, (v) => vertexOf[v]);
  const graph = vertexGraph(welded, count);
  // differences fade out over about 1 / sqrt(decay) edges
  const levelling = { smoothness: 4, decay: 4 * (6 / Math.sqrt(Math.max(count, 36))) ** 2, iterations: 120 };

  // 1. what the generated views still differ from the upper layers by
  const lift = new Float32Array(count * 3);
  if (match) {
    const difference = new Float32Array(count * 3);
    const weight = new Float32Array(count);
    let overlap = 0;
    for (let w = 0; w < count; w++) {
      weight[w] = upperWeight[w] * middleWeight[w];
      overlap += weight[w];
      for (let k = 0; k < 3; k++) difference[w * 3 + k] = weight[w] > 0 ? upper[w * 3 + k] - middle[w * 3 + k] : 0;
    }
    if (overlap > 0) lift.set(levelField(graph, difference, weight, levelling));
  }

  // 2. the floor: vertex colours brought to what lies over them; without any, what lies over them spread out
  const base = new Float32Array(count * 3);
  const difference = new Float32Array(count * 3);
  const weight = new Float32Array(count);
  const mean = [0, 0, 0];
  let total = 0;
  for (let w = 0; w < count; w++) {
    const au = upperWeight[w];
    const am = middleWeight[w] * (1 - au);
    weight[w] = au + am;
    for (let k = 0; k < 3; k++) {
      const own = mesh.colors ? mesh.colors[first[w] * 3 + k] : 0;
      base[w * 3 + k] = own;
      if (weight[w] <= 0) continue;
      const above = (au * upper[w * 3 + k] + am * (middle[w * 3 + k] + lift[w * 3 + k])) / weight[w];
      difference[w * 3 + k] = above - own;
      mean[k] += weight[w] * above;
    }
    total += weight[w];
  }
  if (!mesh.colors) {
    // the difference to the mean colour is what spreads and fades out
    for (let k = 0; k < 3; k++) mean[k] = total > 0 ? mean[k] / total : 190;
    for (let w = 0; w < count; w++)
      for (let k = 0; k < 3; k++) {
        base[w * 3 + k] = mean[k];
        difference[w * 3 + k] -= mean[k];
      }
  }
  if (total > 0 && (match || !mesh.colors)) {
    const field = levelField(graph, difference, weight, levelling);
    for (let i = 0; i < base.length; i++) base[i] += field[i];
  }

  // back to the vertices of the atlas
  const spread = (from: Float32Array) => {
    const to = new Float32Array(p.length);
    for (let v = 0; v < vertexOf.length; v++) for (let k = 0; k < 3; k++) to[v * 3 + k] = from[vertexOf[v] * 3 + k];
    return to;
  };
  return { lift: spread(lift), base: spread(base) };
}

/** Surface area of one texel of each triangle, so that shares are of the surface and not of the atlas. */
function texelAreas(mesh: Mesh, size: number): Float32Array {
  const uvs = mesh.uvs!;
  const areas = new Float32Array(mesh.indices.length / 3);
  for (let t = 0; t < areas.length; t++) {
    const [a, b, c] = [mesh.indices[t * 3] * 2, mesh.indices[t * 3 + 1] * 2, mesh.indices[t * 3 + 2] * 2];
    const texels =
      (Math.abs((uvs[b] - uvs[a]) * (uvs[c + 1] - uvs[a + 1]) - (uvs[b + 1] - uvs[a + 1]) * (uvs[c] - uvs[a])) / 2) * size * size;
    areas[t] = texels > 1e-9 ? triangleArea(mesh, t) / texels : 0;
  }
  return areas;
}
