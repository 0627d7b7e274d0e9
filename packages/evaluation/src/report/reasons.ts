import type { SolidScores } from '../measure.ts';
import type { VariantName } from '../variants.ts';
import type { SampleReport } from './report.ts';

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/**
 * Remarks on one sample by rule, from its numbers alone: hints where to look, not a diagnosis. The most telling first, judged by how much of the
 * volumetric overlap each explains; the least gains worth a remark are rules of thumb.
 */
export function reasonsOf({ variants, camera }: Pick<SampleReport, 'variants' | 'camera'>): string[] {
  const found: { gain: number; text: string }[] = [];
  const completed = variants.completed;
  const solid = completed?.solid;
  if (!completed || !solid) return [];
  if (completed.failure) return [`no surface: ${completed.failure}`];
  const note = (gain: number, least: number, text: string): void => {
    if (gain >= least) found.push({ gain, text });
  };
  const of = (name: VariantName): SolidScores | undefined => variants[name]?.solid ?? undefined;
  const whole = of('whole');
  if (whole) {
    note(
      whole.iou - solid.iou,
      0.05,
      `completion: the true whole picture gives IoU ${whole.iou.toFixed(2)} instead of ${solid.iou.toFixed(2)}`,
    );
    note(
      (1 - whole.scaled.iou) / 2,
      0.25,
      `views and surface: even the true whole picture reaches IoU ${whole.scaled.iou.toFixed(2)} at best alignment`,
    );
  }
  const mask = variants.visible?.mask.iou;
  if (mask !== undefined && completed.mask.iou < mask)
    note(
      (mask - completed.mask.iou) / 2,
      0.02,
      `completion adds what is not there: mask IoU ${completed.mask.iou.toFixed(2)}, the visible part alone ${mask.toFixed(2)}`,
    );
  note((1 - completed.mask.iou) / 2, 0.2, `completion: ${percent(1 - completed.mask.iou)} of the outlines do not agree`);
  note(solid.scaled.iou - solid.aligned.iou, 0.05, `size: ${solid.scaled.scale.toFixed(2)} times as large would fit better`);
  if (solid.aligned.turnedDeg > 15)
    note(solid.aligned.iou - solid.iou, 0.05, `orientation: turned by ${solid.aligned.turnedDeg.toFixed(0)} degrees it would fit better`);
  else note(solid.aligned.iou - solid.iou, 0.05, `place: moved by ${solid.aligned.moved.toFixed(2)} it would fit better`);
  const flat = of('inflated');
  if (flat) note(flat.iou - solid.iou, 0.03, `depth: the inflated silhouette of the visible part is better, IoU ${flat.iou.toFixed(2)}`);
  if (camera.elevationDeg < 6 || camera.elevationDeg > 36)
    note(0.01, 0, `view: elevation ${camera.elevationDeg.toFixed(0)} degrees is at the end of the range`);
  return found.sort((a, b) => b.gain - a.gain).map(({ text }) => text);
}
