import { OCCLUSION_BANDS } from '@gestalt3d/pairs';
import type { ShapeScore } from '../measure.ts';
import { pooledIou } from '../metrics/mask-iou.ts';
import type { VariantResult } from '../run-sample.ts';
import { VARIANT_NEEDS, VARIANTS, type VariantName } from '../variants.ts';
import type { SampleReport } from './report.ts';

/** Means over samples; null where a figure does not apply to a variant. */
export interface VariantSummary {
  samples: number;
  /** Reconstructions that gave no surface; they count as nothing, see measureNothing. */
  failed: number;
  /** As the reconstruction comes: the paper's protocol. */
  chamfer: number | null;
  iou: number | null;
  psnr: number | null;
  ssim: number | null;
  /** Amodal mask, mean of the objects. */
  maskIou: number | null;
  /** Sum of intersections over sum of unions. */
  maskIouPooled: number | null;
  parityIou: number | null;
  placed: ShapeScore | null;
  aligned: ShapeScore | null;
  scaled: ShapeScore | null;
}

export type Summary = Record<VariantName, VariantSummary | null>;

/** @returns null for variants that were not measured */
export function summarise(samples: readonly SampleReport[]): Summary {
  return Object.fromEntries(
    VARIANTS.map((name) => {
      const results = samples.flatMap(({ variants }) => variants[name] ?? []);
      return [name, results.length > 0 ? summariseVariant(name, results) : null];
    }),
  ) as Summary;
}

export function summariseByBand(samples: readonly SampleReport[]): { band: readonly number[]; samples: number; summary: Summary }[] {
  return OCCLUSION_BANDS.map((band, index) => {
    const inBand = samples.filter((sample) => sample.bandIndex === index);
    return { band, samples: inBand.length, summary: summarise(inBand) };
  });
}

function summariseVariant(name: VariantName, results: readonly VariantResult[]): VariantSummary {
  const solids = results.flatMap(({ solid }) => solid ?? []);
  const mean = (pick: (solid: (typeof solids)[number]) => number): number | null =>
    solids.length > 0 ? solids.reduce((sum, solid) => sum + pick(solid), 0) / solids.length : null;
  const shape = (pick: (solid: (typeof solids)[number]) => ShapeScore): ShapeScore | null =>
    solids.length > 0 ? { chamfer: mean((solid) => pick(solid).chamfer)!, iou: mean((solid) => pick(solid).iou)! } : null;
  // a body made without the views stage is no answer to the 2D question: its outline is another variant's
  const source = VARIANT_NEEDS[name].solid;
  const masked = source === null || source === 'views';
  return {
    samples: results.length,
    failed: results.filter(({ failure }) => failure !== undefined).length,
    chamfer: mean((solid) => solid.chamfer),
    iou: mean((solid) => solid.iou),
    psnr: mean((solid) => solid.psnr),
    ssim: mean((solid) => solid.ssim),
    maskIou: masked ? results.reduce((sum, { mask }) => sum + mask.iou, 0) / results.length : null,
    maskIouPooled: masked ? pooledIou(results.map(({ mask }) => mask)) : null,
    parityIou: mean((solid) => solid.parityIou),
    placed: shape((solid) => solid.placed),
    aligned: shape((solid) => solid.aligned),
    scaled: shape((solid) => solid.scaled),
  };
}
