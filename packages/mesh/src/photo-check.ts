import { createImage, type Mask, type Mesh, type View } from '@gestalt3d/core';
import { distanceToZero } from './distance.ts';
import { renderBack } from './render-back.ts';

export interface PhotoAgreement {
  /** IoU of the mesh's silhouette with the visible mask, 0..1; pixels that only the completion calls object are left out, because something hides them. */
  visibleIou: number;
  /** Mean distance in photograph pixels between the visible outline and the mesh's, from each to the other; only where the outline is the object's own. */
  silhouettePx: number;
  /** The same as a share of the visible part's longest side. */
  silhouetteShare: number;
  /** Mean absolute difference of the colours well inside both, 0..255. */
  colorError: number;
}

/** Longest side at which is compared; distances come back in photograph pixels. */
const COMPARE_SIDE = 512;

/**
 * The mesh rendered back into the photograph.
 * @param photo alpha = visible mask
 * @param completion says by its alpha where the object goes on behind something; without it nothing is taken as hidden
 */
export function compareWithPhoto(mesh: Mesh, photo: View, completion?: View): PhotoAgreement | undefined {
  const seen = renderBack(mesh, photo, 1 / 2, COMPARE_SIDE);
  if (!seen) return undefined;
  const { target, own, x, y, scale, width, height, longest } = seen;
  const visible = solidPixels(target);
  const rendered = solidPixels(own);
  const hidden = completion ? hiddenPixels(completion, photo, { x, y, scale, width, height }, visible) : new Uint8Array(width * height);

  // 1. silhouettes
  let both = 0;
  let either = 0;
  for (let i = 0; i < visible.length; i++) {
    if (hidden[i]) continue;
    if (visible[i] && rendered[i]) both++;
    if (visible[i] || rendered[i]) either++;
  }
  const toHidden = distanceToZero(
    hidden.map((value) => 1 - value),
    width,
    height,
  );
  const toVisible = distanceToZero(
    visible.map((value) => 1 - value),
    width,
    height,
  );
  // an outline beside hidden pixels is the occluder's, and one that is nearer to them than to what is seen belongs to what nobody can judge
  const isOwn = (i: number) => toHidden[i] > 2.5 && toVisible[i] <= toHidden[i];
  const visibleEdge = edgePixels(visible, width, height);
  const renderedEdge = edgePixels(rendered, width, height);
  const there = meanDistance(visibleEdge, renderedEdge, width, height, isOwn);
  const back = meanDistance(renderedEdge, visibleEdge, width, height, isOwn);
  const silhouette = (there + back) / 2 / scale;

  // 2. colours
  const depth = distanceToZero(
    visible.map((value, i) => value & rendered[i]),
    width,
    height,
  );
  let error = 0;
  let samples = 0;
  for (let i = 0; i < depth.length; i++) {
    if (depth[i] < 2) continue;
    for (let c = 0; c < 3; c++) error += Math.abs(target.data[i * 4 + c] - own.data[i * 4 + c]);
    samples += 3;
  }
  return {
    visibleIou: either > 0 ? both / either : 0,
    silhouettePx: silhouette,
    silhouetteShare: silhouette / longest,
    colorError: samples > 0 ? error / samples : 255,
  };
}

function solidPixels({ data }: { data: Uint8Array }): Uint8Array {
  return Uint8Array.from({ length: data.length / 4 }, (_, i) => (data[i * 4 + 3] > 127 ? 1 : 0));
}

/** Pixels of the comparison that the completion calls object and the photograph does not show. Both cameras are one camera in two frames. */
function hiddenPixels(
  completion: View,
  photo: View,
  region: { x: number; y: number; scale: number; width: number; height: number },
  visible: Uint8Array,
): Uint8Array {
  const { width, height } = region;
  const ratio = completion.camera.flX / photo.camera.flX;
  const dx = completion.camera.cx - photo.camera.cx * ratio;
  const dy = completion.camera.cy - photo.camera.cy * ratio;
  const mask: Mask = createImage(width, height, 1);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const u = Math.floor(((column + 0.5) / region.scale + region.x) * ratio + dx);
      const v = Math.floor(((row + 0.5) / region.scale + region.y) * ratio + dy);
      const inside = u >= 0 && v >= 0 && u < completion.image.width && v < completion.image.height;
      const at = row * width + column;
      if (inside && completion.image.data[(v * completion.image.width + u) * 4 + 3] > 127 && !visible[at]) mask.data[at] = 1;
    }
  return mask.data;
}

/** Pixels inside with a neighbour outside; the picture's border is no outline. */
function edgePixels(solid: Uint8Array, width: number, height: number): Uint8Array {
  const edge = new Uint8Array(solid.length);
  for (let y = 1; y + 1 < height; y++)
    for (let x = 1; x + 1 < width; x++) {
      const i = y * width + x;
      if (solid[i] && !(solid[i - 1] && solid[i + 1] && solid[i - width] && solid[i + width])) edge[i] = 1;
    }
  return edge;
}

/** Mean distance of the `from` pixels that count to the nearest `to` pixel; the picture's diagonal where one side has none. */
function meanDistance(from: Uint8Array, to: Uint8Array, width: number, height: number, counts: (i: number) => boolean): number {
  const distance = distanceToZero(
    to.map((value) => 1 - value),
    width,
    height,
  );
  let sum = 0;
  let count = 0;
  for (let i = 0; i < from.length; i++) {
    if (!from[i] || !counts(i)) continue;
    sum += distance[i];
    count++;
  }
  return count > 0 ? sum / count : 0;
}
