import type { Mesh, View } from '@gestalt3d/core';
import { type Exposure, NO_EXPOSURE } from './exposure.ts';
import { renderBack } from './render-back.ts';

export interface ViewAgreement {
  /** Of the silhouettes, 0..1. */
  iou: number;
  /** Share of the picture's object pixels that the mesh covers: what counts where the picture shows only a part. */
  covered: number;
  /** Of the colours inside both, dB; capped at 60, 0 where nothing is shared. */
  psnrDb: number;
}

/** Renders the mesh back into a picture's camera and compares; large pictures are compared at `maxSide` pixels, the picture's colours after `exposure`. */
export function compareWithView(mesh: Mesh, view: View, maxSide = 256, exposure: Readonly<Exposure> = NO_EXPOSURE): ViewAgreement {
  // the whole picture if it is small, else the object and a quarter around it
  const back = renderBack(mesh, view, 1 / 4, maxSide);
  if (!back) return { iou: 0, covered: 0, psnrDb: 0 };
  const { target, own, width, height } = back;
  let both = 0;
  let either = 0;
  let object = 0;
  let samples = 0;
  let error = 0;
  for (let i = 0; i < width * height; i++) {
    const a = target.data[i * 4 + 3];
    const b = own.data[i * 4 + 3];
    if (a > 127) object++;
    if (a > 127 && b > 127) both++;
    if (a > 127 || b > 127) either++;
    if (a < 250 || b < 250) continue;
    for (let c = 0; c < 3; c++) {
      const wanted = target.data[i * 4 + c] * exposure.gain[c] + exposure.offset[c];
      error += (Math.min(255, Math.max(0, wanted)) - own.data[i * 4 + c]) ** 2;
    }
    samples += 3;
  }
  return {
    iou: either > 0 ? both / either : 0,
    covered: object > 0 ? both / object : 0,
    psnrDb: samples > 0 ? Math.min(60, 10 * Math.log10(65_025 / Math.max(error / samples, 1e-9))) : 0,
  };
}
