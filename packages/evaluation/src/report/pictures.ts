import { createImage, type Image, type Mesh, orbitCamera, type RgbImage, resample, type View } from '@gestalt3d/core';
import { type MaterialMesh, renderMesh } from '@gestalt3d/mesh';
import type { EvaluationSample } from '../samples/make-sample.ts';
import { over, plain } from '../samples/make-sample.ts';
import { type Truth, WHITE } from '../truth.ts';

/** Pixels along each side of a tile. */
const TILE = 96;
/** Of the 16 views, those shown: every second. */
const SHOWN_STEP = 2;
/** Where the meshes are looked at from, degrees about the vertical. */
const LOOKS_DEG = [0, 90, 180, 270];
const LOOK_ELEVATION_DEG = 20;

/** What a sample is, in pictures of its own size. */
export function drawSamplePictures(sample: EvaluationSample): Record<'photo' | 'modal' | 'amodal' | 'truth-whole', Image> {
  return { photo: sample.photo, modal: sample.modal, amodal: sample.amodal, 'truth-whole': sample.whole };
}

/** Eight of the generated views in a row. */
export function drawViewsStrip(views: readonly View[]): RgbImage[] {
  return views.filter((_, i) => i % SHOWN_STEP === 0).map(({ image }) => over(image, plain(image.width, image.height, WHITE)));
}

/** Views, then the mesh as clay from four sides, as one row of tiles. */
export function drawMeshStrip(mesh: Mesh, views: readonly RgbImage[]): RgbImage {
  const looks = LOOKS_DEG.map((azimuth) => {
    const image = renderMesh(mesh, orbitCamera(azimuth, LOOK_ELEVATION_DEG, TILE), { mode: 'clay', background: WHITE });
    return over(image, plain(TILE, TILE, WHITE));
  });
  return joinTiles([...views, ...looks]);
}

/** The same row of the truth. */
export function drawTruthStrip(truth: MaterialMesh, { views }: Pick<Truth, 'views'>): RgbImage {
  return drawMeshStrip(
    truth,
    views.filter((_, i) => i % SHOWN_STEP === 0),
  );
}

function joinTiles(tiles: readonly RgbImage[]): RgbImage {
  const out = createImage(tiles.length * TILE, TILE, 3);
  tiles.forEach((tile, k) => {
    const small = tile.width === TILE ? tile : resample(tile, TILE, TILE);
    for (let y = 0; y < TILE; y++) out.data.set(small.data.subarray(y * TILE * 3, (y + 1) * TILE * 3), (y * out.width + k * TILE) * 3);
  });
  return out;
}
