import { type CompletionSet, type Crop, createImage, type Mask, type RgbaImage, resample, withAlpha } from '@gestalt3d/core';
import { convexHull } from './baselines/convex-hull.ts';
import { iouOf, maskOverlap } from './metrics/mask-iou.ts';
import { type EvaluationSample, PHOTO_SIZE } from './samples/make-sample.ts';

/** What is compared. See docs/evaluation.md. */
export const VARIANTS = [
  'visible',
  'completed',
  'drawn',
  'best3',
  'vote',
  'whole',
  'hull',
  'inflated',
  'inflatedWhole',
  'trueDepth',
  'trueViews',
] as const;
export type VariantName = (typeof VARIANTS)[number];

/** What is measured unless asked otherwise; the rest are diagnoses that tell where the loss comes from. */
export const STANDARD_VARIANTS: readonly VariantName[] = ['visible', 'completed', 'drawn', 'best3', 'vote', 'whole', 'hull', 'inflated'];

/** Where the 16 views come from: the views stage, the inflated silhouette, the true depths of the picture's pixels, the truth itself. */
export type SolidSource = 'views' | 'inflation' | 'depth' | 'truth';

/** Which variants need completions, which become 3D, and from which views. */
export const VARIANT_NEEDS: Readonly<Record<VariantName, { completions: boolean; solid: SolidSource | null }>> = {
  visible: { completions: false, solid: 'views' },
  completed: { completions: true, solid: 'views' },
  drawn: { completions: true, solid: null },
  best3: { completions: true, solid: 'views' },
  vote: { completions: true, solid: 'views' },
  whole: { completions: false, solid: 'views' },
  hull: { completions: false, solid: null },
  inflated: { completions: false, solid: 'inflation' },
  inflatedWhole: { completions: false, solid: 'inflation' },
  trueDepth: { completions: false, solid: 'depth' },
  trueViews: { completions: false, solid: 'truth' },
};

/** Completions drawn a sample: as many as the product draws. The first, the likeliest, is `completed`; `drawn` is any of them; `best3` the best of the first three; all of them vote. */
export const COMPLETION_COUNT = 4;
const BEST_OF = 3;

/** The object as a variant has it: a picture with alpha, and where it lies in the photograph. */
export interface VariantInput {
  picture: RgbaImage;
  crop: Crop;
  /** Its outline in the photograph's frame. Where it has several, the mean of their IoUs counts. */
  masks: Mask[];
  /** Another variant that is the same picture, whose results hold. */
  sameAs?: VariantName;
}

const PHOTO_CROP: Crop = { x: 0, y: 0, size: PHOTO_SIZE };

/** @param completions of this sample; needed where VARIANT_NEEDS says so */
export function variantInput(name: VariantName, sample: EvaluationSample, completions?: CompletionSet): VariantInput {
  const { photo, modal, whole, amodal } = sample;
  switch (name) {
    case 'visible':
    case 'inflated':
      return { picture: withAlpha(photo, modal), crop: PHOTO_CROP, masks: [modal] };
    case 'whole':
    case 'inflatedWhole':
    case 'trueDepth':
    case 'trueViews':
      return { picture: whole, crop: PHOTO_CROP, masks: [amodal] };
    case 'hull': {
      const mask = convexHull(modal);
      return { picture: withAlpha(photo, mask), crop: PHOTO_CROP, masks: [mask] };
    }
    case 'completed':
      return fromCompletion(completions!, 0);
    case 'drawn': {
      const all = completions!.completions.map((_, k) => fromCompletion(completions!, k));
      return { ...all[0], masks: all.flatMap(({ masks }) => masks) };
    }
    case 'best3': {
      const scores = completions!.completions
        .slice(0, BEST_OF)
        .map((_, k) => iouOf(maskOverlap(fromCompletion(completions!, k).masks[0], amodal)));
      const best = scores.indexOf(Math.max(...scores));
      return { ...fromCompletion(completions!, best), ...(best === 0 && { sameAs: 'completed' }) };
    }
    case 'vote': {
      const { vote, crop, completions: all } = completions!;
      return {
        picture: votedPicture(
          all.map(({ image }) => image),
          vote,
        ),
        crop,
        masks: [inPhoto(vote, crop)],
      };
    }
  }
}

function fromCompletion({ completions, crop }: CompletionSet, index: number): VariantInput {
  const picture = completions[index].image;
  const alpha = createImage(picture.width, picture.height, 1);
  for (let i = 0; i < alpha.data.length; i++) alpha.data[i] = picture.data[i * 4 + 3];
  return { picture, crop, masks: [inPhoto(alpha, crop)] };
}

/** Mean colour of those completions that have the object at a pixel, under the voted outline. */
function votedPicture(images: readonly RgbaImage[], vote: Mask): RgbaImage {
  const out = createImage(vote.width, vote.height, 4);
  for (let i = 0; i < vote.data.length; i++) {
    // where a tie made the vote, or all are soft there, every completion has a small say
    const weights = images.map(({ data }) => data[i * 4 + 3] + 1);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let c = 0; c < 3; c++)
      out.data[i * 4 + c] = Math.round(images.reduce((sum, { data }, k) => sum + data[i * 4 + c] * weights[k], 0) / total);
    out.data[i * 4 + 3] = vote.data[i];
  }
  return out;
}

/** A mask of the crop's frame in the photograph's; what lies outside the photograph is cut off, as the true mask is. */
function inPhoto(mask: Mask, { x, y, size }: Crop): Mask {
  const scale = mask.width / size;
  const side = PHOTO_SIZE * scale;
  return resample(mask, PHOTO_SIZE, PHOTO_SIZE, { x: -x * scale, y: -y * scale, width: side, height: side });
}
