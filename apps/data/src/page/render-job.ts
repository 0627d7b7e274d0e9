import { createRng } from '@gestalt3d/core';
import { type Layout, type RenderedInfo, type RenderJob, RIG, type ViewInfo } from '../job.ts';
import { createDice } from './dice.ts';
import { drawLighting } from './lighting.ts';
import { loadObject } from './load-object.ts';
import { halveTile, straightenTile } from './pictures.ts';
import { type Renderer, reachOf, type ViewCamera } from './renderer.ts';

const RADIANS = Math.PI / 180;
/** A view that would touch the border gets this much less focal length, at most so often. */
const ZOOM_OUT = 0.85;
const ZOOM_ATTEMPTS = 2;
const RIG_COLUMNS = 4;

/** Size of a renderer that can draw a layout. */
export function atlasSize({ inputs, pixels, rigPixels }: Layout): [width: number, height: number] {
  const rig = RIG_COLUMNS * rigPixels;
  return [Math.max(inputs * pixels * 2, rig), Math.max(pixels * 4, rig)];
}

/**
 * All pictures of one object: for each input view RGBA, front depth, back depth and RGBA from behind, then the rig's RGBA views.
 * @returns no bytes where there is nothing to see
 */
export async function renderJob(
  renderer: Renderer,
  job: RenderJob,
  layout: Layout,
): Promise<{ info: RenderedInfo; bytes: Blob | undefined }> {
  const rng = createRng(job.viewSeed);
  const dice = createDice(rng.fork('cameras'));
  const yawDeg = dice.range(0, 360);
  const object = await loadObject(job, yawDeg * RADIANS);
  const { stray, triangles } = object;
  if (triangles === 0) return { info: { yawDeg, stray, triangles, views: [] }, bytes: undefined };
  renderer.upload(object);
  const lighting = drawLighting(createDice(rng.fork('light')));
  const steps = Array.from({ length: RIG.count }, (_, i) => i);
  const views = Array.from({ length: layout.inputs }, (_, k): ViewInfo => {
    const step = steps.splice(dice.int(0, steps.length - 1), 1)[0]!;
    const elevationDeg = dice.range(-10, 40);
    const rollDeg = dice.chance(0.5) ? dice.range(-5, 5) : 0;
    // half of the views from where the rig stands, the others from farther with the focal length grown alike
    const distance = k % 2 === 0 ? RIG.distance : dice.range(RIG.distance, 3.5);
    const focal = (RIG.focal * distance) / RIG.distance;
    return { step, elevationDeg, rollDeg, distance, focal, coverage: 0, clipped: false };
  });
  const positions = object.batches.map(({ position }) => position);
  // two pixels of room, as antialiasing and reduction look around
  const room = 1 - 4 / layout.pixels;
  for (const view of views) {
    let reach = reachOf(positions, inputCamera(view));
    for (let attempt = 0; attempt < ZOOM_ATTEMPTS && reach > room; attempt++) {
      view.focal *= ZOOM_OUT;
      reach *= ZOOM_OUT;
    }
    view.clipped = reach > room;
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const layers = renderer.renderLayers(views.map(inputCamera), lighting, layout.pixels * 2);
  for (const [k, view] of views.entries()) {
    const front = halveTile(layers, k, 0);
    const back = halveTile(layers, k, 1);
    let covered = 0;
    for (let i = 3; i < front.rgba.length; i += 4) if (front.rgba[i]! > 127) covered++;
    view.coverage = covered / (layout.pixels * layout.pixels);
    for (const part of [front.rgba, front.depth, back.depth, back.rgba]) parts.push(new Uint8Array(part.buffer as ArrayBuffer));
  }
  const rig = renderer.renderColours(rigCameras(), lighting, layout.rigPixels, RIG_COLUMNS);
  for (let i = 0; i < RIG.count; i++) parts.push(straightenTile(rig, i) as Uint8Array<ArrayBuffer>);
  return { info: { yawDeg, stray, triangles, views }, bytes: new Blob(parts) };
}

function inputCamera({ step, elevationDeg, rollDeg, distance, focal }: ViewInfo): ViewCamera {
  return { azimuth: step * RIG.stepDeg * RADIANS, elevation: elevationDeg * RADIANS, roll: rollDeg * RADIANS, distance, focal };
}

function rigCameras(): ViewCamera[] {
  const { stepDeg, elevationDeg, distance, focal, count } = RIG;
  return Array.from({ length: count }, (_, i) => ({
    azimuth: i * stepDeg * RADIANS,
    elevation: elevationDeg * RADIANS,
    roll: 0,
    distance,
    focal,
  }));
}
