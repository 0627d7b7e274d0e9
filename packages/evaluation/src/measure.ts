import { type Camera, type Mesh, resample, type View } from '@gestalt3d/core';
import { alignRigid, alignScaled, rotationAngleDeg, transformPoints } from './align.ts';
import { chamferDistance } from './metrics/chamfer.ts';
import { psnr, ssim } from './metrics/image-quality.ts';
import { IDENTITY, occupancyByParity, occupancyIou, type Similarity, Solid } from './metrics/occupancy.ts';
import { visiblePoints } from './metrics/points.ts';
import { placeInPhoto } from './placement.ts';
import { over, plain } from './samples/make-sample.ts';
import { NOVEL_VIEW_SIZE, type Truth, WHITE } from './truth.ts';

/** Distance and overlap of a reconstruction and the truth in one frame. */
export interface ShapeScore {
  /** Units of the true object's longest side. */
  chamfer: number;
  /** Volumetric, 0..1. */
  iou: number;
}

/** Everything measured of one reconstruction. */
export interface SolidScores extends ShapeScore {
  /** As `iou`, with inside decided by parity: the paper's rule. */
  parityIou: number;
  /** Put back to where it lies in the photograph, in the photograph's scale. */
  placed: ShapeScore;
  /** After the best rotation and translation, and what these were. */
  aligned: ShapeScore & { turnedDeg: number; moved: number };
  /** After the best similarity. */
  scaled: ShapeScore & { scale: number };
  /** dB, mean of 16 views. */
  psnr: number;
  ssim: number;
}

/** @param mesh in the world of the views: azimuth 0, its box centred at the origin with longest side about 1 */
export function measureSolid(mesh: Mesh, photoCamera: Camera, camera: Camera, truth: Truth): Omit<SolidScores, 'psnr' | 'ssim'> {
  const solid = new Solid(mesh);
  const points = visiblePoints(mesh);
  const score = (similarity: Similarity): ShapeScore => {
    // what the cameras see changes with the place
    const moved =
      similarity === IDENTITY
        ? points
        : visiblePoints({ ...mesh, positions: Float32Array.from(transformPoints(mesh.positions, similarity)) });
    return {
      chamfer: chamferDistance(moved, truth.points, truth.nearest),
      iou: occupancyIou(solid.occupancy(similarity), truth.occupancy),
    };
  };
  const asIs = score(IDENTITY);
  const rigid = alignRigid(points, truth.points);
  const aligned = score(rigid);
  // closest points do not see what turns out of the cameras' sight: never worse than left alone
  const [best, bestScore] = aligned.chamfer < asIs.chamfer ? [rigid, aligned] : [IDENTITY, asIs];
  const similarity = alignScaled(points, truth.points, best);
  const scaled = score(similarity);
  return {
    ...asIs,
    parityIou: occupancyIou(occupancyByParity(mesh), truth.parity),
    placed: score(placeInPhoto(photoCamera, camera)),
    aligned: { ...bestScore, turnedDeg: rotationAngleDeg(best), moved: Math.hypot(...best.translation) },
    scaled: scaled.chamfer < bestScore.chamfer ? { ...scaled, scale: similarity.scale } : { ...bestScore, scale: 1 },
  };
}

/** The generated views against the truth's, both on white at 256 px. */
export function measureViews(views: readonly View[], truth: Truth): { psnr: number; ssim: number } {
  let sums = [0, 0];
  views.forEach(({ image }, i) => {
    const onWhite = over(image, plain(image.width, image.height, WHITE));
    const picture = resample(onWhite, NOVEL_VIEW_SIZE, NOVEL_VIEW_SIZE);
    sums = [sums[0] + psnr(picture, truth.views[i]), sums[1] + ssim(picture, truth.views[i])];
  });
  return { psnr: sums[0] / views.length, ssim: sums[1] / views.length };
}

/** Where no surface came out: a point at the origin, no volume, white views. So a failure counts, and counts as one. */
export function measureNothing(truth: Truth): SolidScores {
  const nothing = { chamfer: chamferDistance(new Float64Array(3), truth.points), iou: 0 };
  const white = plain(NOVEL_VIEW_SIZE, NOVEL_VIEW_SIZE, WHITE);
  const mean = (score: typeof psnr) => truth.views.reduce((sum, view) => sum + score(white, view), 0) / truth.views.length;
  return {
    ...nothing,
    parityIou: 0,
    placed: nothing,
    aligned: { ...nothing, turnedDeg: 0, moved: 0 },
    scaled: { ...nothing, scale: 1 },
    psnr: mean(psnr),
    ssim: mean(ssim),
  };
}
