import { createImage, type Mask, type Mesh, meshBounds, type RgbImage, ShapeMismatchError } from '@gestalt3d/core';
import { type BakeSource, type PreparedSource, prepareSource, type Sample, sampleSource, smoothstep } from './bake-source.ts';
import { diffuseTexels } from './diffuse-texels.ts';
import { type Exposure, ExposureMatcher, NO_EXPOSURE } from './exposure.ts';
import { extendAtlas } from './extend-atlas.ts';
import { fillGutters } from './fill.ts';
import { createGpuShader } from './gpu/shade-points-gpu.ts';
import { levelField, vertexGraph } from './level.ts';
import type { ColorAt } from './material-color.ts';
import { computeNormals } from './normals.ts';
import { type Raster, rasteriseAtlas } from './rasterise.ts';
import { Baker, createCpuShader, FADE, POINT_FLOATS, SHADE_FLOATS } from './shade-points.ts';
import { linkTexels, type TexelLinks } from './texel-graph.ts';
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

/** What a bake may use, and callbacks of a long one. `tick` is awaited between tiles: throw to stop, report to show. */
export interface BakeHooks {
  /** Colours of the surface as it came, which lie under everything; without it vertex colours do. */
  colorAt?: ColorAt;
  /** Looks the texels up in the pictures there; without one, on the calling thread. Both give the same but for rounding. */
  gpu?: GPUDevice | null;
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

const TILE_ROWS = 32;
/** Where pictures and the colours that came differ, the difference is spread over this share of the texture's covered part's side. */
const LEVEL_REACH = 1 / 6;
/** Of a surface that no picture shows and that came without colours. */
const GREY = 190;

/**
 * Texture of an unwrapped mesh from posed pictures, layered: the colours that came, over them the mean of the generated views, over that the
 * completion, over that the photo. Each layer fades out at its outlines, at depth jumps and at flat angles. First every picture gets a gain and an
 * offset by which all agree where they overlap (exposure.ts); then generated views get what they still differ from the layers above by, as a smooth
 * field that fades out over the surface (level.ts). What is in sight but no picture shows well takes the vertex colours, brought to those around it;
 * over what nobody saw the colours around it spread (diffuse-texels.ts), as a colour field that was fitted to pictures knows nothing there.
 * `hooks.colorAt`, in contrast, is the surface's own and goes everywhere. The photo's own pixels stay as they are.
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
  const total = tiles + sources.length + 1;
  let done = 0;
  const normals = mesh.normals ?? computeNormals(mesh);

  // 1. the pictures, in one exposure
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
  const { lift, inSight } = lookAround(mesh, normals, new Baker(prepared, options.angleExponent), options.matchExposure);

  // 2. what they say about each texel
  const raster = rasteriseAtlas(mesh, size);
  const beside = extendAtlas(raster, mesh);
  const value = new Float32Array(size * size * 3);
  const known = new Float32Array(size * size);
  const origin = createImage(size, size, 3);
  const confidence = createImage(size, size, 1);
  const areas = texelAreas(mesh, size);
  const seen = { photo: 0, completion: 0, guessed: 0 };
  let unseen = 0;
  let surface = 0;
  const points = new Float32Array(TILE_ROWS * size * POINT_FLOATS);
  const texels = new Uint32Array(TILE_ROWS * size);
  const shader = await (hooks.gpu
    ? createGpuShader(hooks.gpu, prepared, options.angleExponent)
    : createCpuShader(prepared, options.angleExponent));
  try {
    for (let tile = 0; tile < tiles; tile++) {
      await hooks.tick?.(done++, total);
      const end = Math.min(size, (tile + 1) * TILE_ROWS) * size;
      let count = 0;
      for (let texel = tile * TILE_ROWS * size; texel < end; texel++) {
        if (raster.triangle[texel] < 0) continue;
        const mix = mixer(mesh.indices, raster, texel);
        const to = count * POINT_FLOATS;
        for (let k = 0; k < 3; k++) {
          points[to + k] = mix(mesh.positions, k);
          points[to + 3 + k] = mix(normals, k);
          points[to + 6 + k] = mix(lift, k);
        }
        const length = Math.hypot(points[to + 3], points[to + 4], points[to + 5]) || 1;
        for (let k = 3; k < 6; k++) points[to + k] /= length;
        texels[count++] = texel;
      }
      const shades = await shader.shade(points.subarray(0, count * POINT_FLOATS));
      for (let n = 0; n < count; n++) {
        const texel = texels[n];
        const [r, g, b, share, byPhoto, byCompletion, byGenerated, sure] = shades.subarray(n * SHADE_FLOATS, (n + 1) * SHADE_FLOATS);
        value.set([r, g, b], texel * 3);
        known[texel] = share;
        origin.data[texel * 3] = Math.round(255 * byPhoto);
        origin.data[texel * 3 + 1] = Math.round(255 * byCompletion);
        origin.data[texel * 3 + 2] = Math.round(255 * byGenerated);
        confidence.data[texel] = Math.round(255 * sure);
        if (beside[texel]) continue;
        const area = areas[raster.triangle[texel]];
        surface += area;
        if (byPhoto >= 0.5) seen.photo += area;
        else if (byPhoto + byCompletion >= 0.5) seen.completion += area;
        else {
          seen.guessed += area;
          // of what the layers above leave
          if (byGenerated < 0.5 * (1 - byPhoto - byCompletion)) unseen += area;
        }
      }
    }
  } finally {
    shader.dispose();
  }

  // 3. what no picture shows
  await hooks.tick?.(done++, total);
  fillUnseen(mesh, { raster, beside }, known, value, {
    match: options.matchExposure,
    colorAt: hooks.colorAt,
    // without pictures, vertex colours are all there is
    inSight: prepared.length > 0 ? inSight : undefined,
  });

  const covered = Uint8Array.from(raster.triangle, (t) => (t >= 0 ? 1 : 0));
  fillGutters(value, covered, size);
  const texture = createImage(size, size, 3);
  for (let i = 0; i < value.length; i++) texture.data[i] = Math.round(Math.min(255, Math.max(0, value[i])));
  const filled = Float32Array.from(origin.data);
  fillGutters(filled, covered, size);
  for (let i = 0; i < filled.length; i++) origin.data[i] = Math.round(filled[i]);
  for (let i = 0; i < filled.length; i++) filled[i] = confidence.data[Math.floor(i / 3)];
  fillGutters(filled, covered, size);
  for (let i = 0; i < confidence.data.length; i++) confidence.data[i] = Math.round(filled[i * 3]);
  const share = (part: number) => (surface > 0 ? part / surface : 0);
  return {
    texture,
    origin,
    confidence,
    seen: { photo: share(seen.photo), completion: share(seen.completion), guessed: surface > 0 ? share(seen.guessed) : 1 },
    unseen: share(unseen),
    exposures,
  };
}

/** Reads values at vertices, three each, at a texel. */
function mixer(indices: Uint32Array, { triangle, weights }: Raster, texel: number): (values: ArrayLike<number>, k: number) => number {
  const t = triangle[texel] * 3;
  const [a, b, c] = [indices[t] * 3, indices[t + 1] * 3, indices[t + 2] * 3];
  const wb = weights[texel * 2];
  const wc = weights[texel * 2 + 1];
  const wa = 1 - wb - wc;
  return (values, k) => values[a + k] * wa + values[b + k] * wb + values[c + k] * wc;
}

interface Page {
  raster: Raster;
  /** Texels that lie beside charts [H, W], and the atlas without them. */
  beside: Uint8Array;
  inner: Raster;
  links: TexelLinks;
}

/**
 * Lays what the pictures show (`value`, as far as `known`) over the colours that came, after these were brought to it; changes `value` into the
 * colours of all texels of the atlas. Where there are no such colours, or vertices are not `inSight`, what lies around spreads over the surface.
 * @param options match: bring the colours that came to those of the pictures; inSight: of each vertex, 0 or 1; without it all are
 */
function fillUnseen(
  mesh: Mesh,
  { raster, beside }: Pick<Page, 'raster' | 'beside'>,
  known: Float32Array,
  value: Float32Array,
  options: { match: boolean; colorAt: ColorAt | undefined; inSight: Float32Array | undefined },
): void {
  const { colors, indices, positions } = mesh;
  const { colorAt, inSight } = options;
  const inner = { ...raster, triangle: raster.triangle.map((t, at) => (beside[at] ? -1 : t)) };
  const page: Page = { raster, beside, inner, links: linkTexels(mesh, inner) };
  // 1. what lies under the pictures, and how far it is to be believed; bytes are enough
  const floor = new Uint8ClampedArray(value.length);
  const trusted = Float32Array.from(known);
  const rgb = new Float32Array(3);
  const mean = [0, 0, 0];
  let total = 0;
  let texels = 0;
  for (let at = 0; at < known.length; at++) {
    if (raster.triangle[at] < 0) continue;
    if (!beside[at]) texels++;
    if (!colors && !colorAt) {
      total += known[at];
      for (let k = 0; k < 3; k++) mean[k] += known[at] * value[at * 3 + k];
      continue;
    }
    const mix = mixer(indices, raster, at);
    if (colorAt) colorAt(mix(positions, 0), mix(positions, 1), mix(positions, 2), rgb);
    for (let k = 0; k < 3; k++) floor[at * 3 + k] = colorAt ? rgb[k] : mix(colors!, k);
    trusted[at] = colorAt || !inSight ? 1 : Math.max(known[at], Math.min(1, Math.max(0, mix(inSight, 0))));
  }
  if (!colors && !colorAt) for (let i = 0; i < floor.length; i++) floor[i] = total > 0 ? mean[i % 3] / total : GREY;

  // 2. the difference to it, spread over the surface
  for (let at = 0; at < known.length; at++)
    for (let k = 0; k < 3; k++) value[at * 3 + k] = known[at] > 0 ? value[at * 3 + k] - floor[at * 3 + k] : 0;
  if (!colors && !colorAt) spread(page, known, value, 0);
  else if (options.match) spread(page, known, value, 1 / (LEVEL_REACH ** 2 * Math.max(1, texels)));
  else for (let i = 0; i < value.length; i++) value[i] *= known[Math.floor(i / 3)];
  for (let i = 0; i < value.length; i++) value[i] += floor[i];

  // 3. what is believed, spread over what is not
  if (colors && !colorAt && inSight) spread(page, trusted, value, 0);
}

/** `diffuseTexels`, and on into the texels beside charts. */
function spread({ raster, beside, inner, links }: Page, weight: Float32Array, value: Float32Array, decay: number): void {
  const { width, height, triangle } = raster;
  diffuseTexels(inner, links, weight, value, decay);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (!beside[at]) continue;
      let count = 0;
      const sum = [0, 0, 0];
      for (let j = Math.max(0, y - 1); j <= Math.min(height - 1, y + 1); j++)
        for (let i = Math.max(0, x - 1); i <= Math.min(width - 1, x + 1); i++) {
          const from = j * width + i;
          if (inner.triangle[from] !== triangle[at]) continue;
          count++;
          for (let k = 0; k < 3; k++) sum[k] += value[from * 3 + k];
        }
      for (let k = 0; k < 3; k++) value[at * 3 + k] = weight[at] * value[at * 3 + k] + ((1 - weight[at]) * sum[k]) / count;
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
  const sample: Sample = { inSight: false, r: 0, g: 0, b: 0, cos: 0 };
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

/**
 * What is known of the vertices before texels are looked at: `lift`, what the generated views still differ from the upper layers by, as a smooth field
 * [P, 3], 0 unless `match`; `inSight`, 1 where some picture has the vertex in sight, else 0, three times each [P, 3].
 */
function lookAround(mesh: Mesh, normals: Float32Array, baker: Baker, match: boolean): { lift: Float32Array; inSight: Float32Array } {
  const { vertexOf, first, count } = weldMap(mesh.positions);
  const { positions: p } = mesh;
  const difference = new Float32Array(count * 3);
  const weight = new Float32Array(count);
  const visible = new Uint8Array(count);
  let overlap = 0;
  for (let w = 0; w < count; w++) {
    const v = first[w] * 3;
    baker.look(p[v], p[v + 1], p[v + 2], normals[v], normals[v + 1], normals[v + 2]);
    visible[w] = baker.inSight ? 1 : 0;
    const { photo, completion, generated } = baker;
    const upper = 1 - (1 - photo.alpha) * (1 - completion.alpha);
    weight[w] = upper * generated.alpha;
    overlap += weight[w];
    if (weight[w] <= 0) continue;
    for (let k = 0; k < 3; k++)
      difference[w * 3 + k] =
        (photo.rgb[k] * photo.alpha + completion.rgb[k] * (1 - photo.alpha) * completion.alpha) / upper - generated.rgb[k];
  }
  const lift = new Float32Array(p.length);
  const inSight = Float32Array.from(lift, (_, i) => visible[vertexOf[Math.floor(i / 3)]]);
  if (overlap === 0 || !match) return { lift, inSight };
  const graph = vertexGraph(
    Uint32Array.from(mesh.indices, (v) => vertexOf[v]),
    count,
  );
  // differences fade out over about 1 / sqrt(decay) edges
  const levelling = { smoothness: 4, decay: 4 * (6 / Math.sqrt(Math.max(count, 36))) ** 2, iterations: 120 };
  const field = levelField(graph, difference, weight, levelling);
  for (let v = 0; v < vertexOf.length; v++) for (let k = 0; k < 3; k++) lift[v * 3 + k] = field[vertexOf[v] * 3 + k];
  return { lift, inSight };
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
