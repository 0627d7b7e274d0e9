import { type PreparedSource, type Sample, type SourceKind, sampleSource, smoothstep } from './bake-source.ts';

/** Numbers of a surface point: position, unit normal, what is added to the colour of generated views there (of 255). */
export const POINT_FLOATS = 9;
/** Numbers of what the pictures say about it: colour (of 255), how far they show it, then of that the shares of photo, completion and views; confidence. */
export const SHADE_FLOATS = 8;

/** What the pictures say about points of the surface. */
export interface PointShader {
  /**
   * @param points [N, POINT_FLOATS]
   * @returns [N, SHADE_FLOATS]; the colour means something only where the fourth number is above 0
   */
  shade(points: Float32Array): Promise<Float32Array>;
  dispose(): void;
}

/** The cosines between which a source fades in; below, its pixels are smeared over too much surface. */
export const FADE: Readonly<Record<SourceKind, readonly [number, number]>> = {
  photo: [0.15, 0.4],
  completion: [0.2, 0.45],
  generated: [0.06, 0.25],
};

/** Standard deviation of the views' colours, of 255, at which their confidence falls to 1 / e. */
export const SPREAD = 32;

export interface Layer {
  rgb: Float64Array;
  alpha: number;
  /** 0..1; see Baked. */
  confidence: number;
}

/** Looks at one surface point through all sources. */
export class Baker {
  readonly photo: Layer = { rgb: new Float64Array(3), alpha: 0, confidence: 0 };
  readonly completion: Layer = { rgb: new Float64Array(3), alpha: 0, confidence: 0 };
  readonly generated: Layer = { rgb: new Float64Array(3), alpha: 0, confidence: 0 };
  /** Some picture has the point in sight, see Sample. */
  inSight = false;
  readonly #sources: readonly PreparedSource[];
  readonly #exponent: number;
  readonly #sample: Sample = { inSight: false, r: 0, g: 0, b: 0, cos: 0 };

  constructor(sources: readonly PreparedSource[], exponent: number) {
    this.#sources = sources;
    this.#exponent = exponent;
  }

  look(x: number, y: number, z: number, nx: number, ny: number, nz: number): void {
    const s = this.#sample;
    this.photo.alpha = 0;
    this.completion.alpha = 0;
    this.inSight = false;
    let weights = 0;
    let best = 0;
    let r = 0;
    let g = 0;
    let b = 0;
    let squares = 0;
    let clearest = 0;
    for (const source of this.#sources) {
      const trust = sampleSource(source, x, y, z, nx, ny, nz, s);
      if (s.inSight) this.inSight = true;
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
      this.generated.confidence = clearest * Math.exp(-Math.sqrt(Math.max(0, variance)) / SPREAD);
    }
  }
}

/** On the calling thread. @param exponent see BakeOptions.angleExponent */
export function createCpuShader(sources: readonly PreparedSource[], exponent: number): PointShader {
  const baker = new Baker(sources, exponent);
  return {
    async shade(points) {
      const count = points.length / POINT_FLOATS;
      const out = new Float32Array(count * SHADE_FLOATS);
      for (let n = 0; n < count; n++) {
        const p = n * POINT_FLOATS;
        baker.look(points[p], points[p + 1], points[p + 2], points[p + 3], points[p + 4], points[p + 5]);
        const { photo, completion, generated } = baker;
        const byPhoto = photo.alpha;
        const byCompletion = (1 - byPhoto) * completion.alpha;
        const byGenerated = (1 - byPhoto) * (1 - completion.alpha) * generated.alpha;
        const known = byPhoto + byCompletion + byGenerated;
        const to = n * SHADE_FLOATS;
        if (known <= 0) continue;
        for (let k = 0; k < 3; k++)
          out[to + k] =
            (photo.rgb[k] * byPhoto + completion.rgb[k] * byCompletion + (generated.rgb[k] + points[p + 6 + k]) * byGenerated) / known;
        out[to + 3] = known;
        out[to + 4] = byPhoto;
        out[to + 5] = byCompletion;
        out[to + 6] = byGenerated;
        out[to + 7] = photo.confidence * byPhoto + completion.confidence * byCompletion + generated.confidence * byGenerated;
      }
      return out;
    },
    dispose() {},
  };
}
