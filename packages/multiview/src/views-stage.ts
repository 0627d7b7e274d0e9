import {
  breathe,
  ModelCorruptError,
  type MultiView,
  type MultiViewInput,
  orbitCamera,
  type RgbaImage,
  type Rig,
  resample,
  rigCameras,
  type Stage,
  type StageContext,
  type View,
} from '@gestalt3d/core';
import { float32, type InferenceBackend, type ModelBundle, type Session } from '@gestalt3d/onnx';
import { frameInput, photoCameraOf } from './input-frame.ts';
import { denoiseViews, samplerOf } from './joint-denoiser.ts';
import { buildLayeredBody } from './layered-body.ts';
import { bodyBounds, placeBody, placeCamera, placementOf } from './place-body.ts';
import { renderBody } from './render-body.ts';
import { buildVolumeBody, type VolumeManifest } from './volume-body.ts';

export interface ViewsOptions {
  /** Elevation of the photograph's camera over the object; null: DEFAULT_ELEVATION_DEG. */
  elevationDeg: number | null;
  /** Pixels along each side of a view. */
  size: number;
  /**
   * `body`: the layered body's renders are the views. `joint`: all of them are then denoised together through a 3-D volume.
   * `volume`: the renders of a body whose inside is predicted voxel by voxel in the input's frustum.
   * `auto`: what the bundle says won on held-out objects.
   */
  member: 'auto' | 'body' | 'volume' | 'joint';
}

export const VIEWS_DEFAULTS: Readonly<ViewsOptions> = { elevationDeg: null, size: 128, member: 'auto' };

/** What people hold a camera at over a thing on a table, when nothing better is known. */
export const DEFAULT_ELEVATION_DEG = 20;

/** Resolution of the body: the completion's own pixels are its front colour. */
const BODY_SIZE = 256;

/** What this stage reads from `bundle.json` beside the graphs. */
interface ViewsManifest {
  rig: Rig;
  body: {
    /** Of the photograph's camera in units of the object: things are seen from farther than the rig's distance. */
    inputDistance: number;
  };
  /** Of the graph `volume`, where the bundle has one. */
  volume?: VolumeManifest;
  default: 'body' | 'volume' | 'denoiser';
}

/**
 * The views stage, embedded member of SyncDreamer's family: a network predicts the front and back depth and the back colour
 * in the completion's own frame, which makes a closed body; the body seen from the rig's cameras are the views.
 * They agree with one another by construction.
 */
export function createViewsStage(bundle: ModelBundle, backend: InferenceBackend): Stage<MultiViewInput, MultiView, ViewsOptions> {
  const { rig, body: bodyManifest, volume: volumeManifest, default: winner } = bundle.manifest as unknown as ViewsManifest;
  if (!(rig?.count > 0) || !(bodyManifest?.inputDistance > 0)) throw new ModelCorruptError(bundle.id, 'its manifest lacks rig or body');
  // one frame width is the same length in the plane through the object's centre, whatever the distance
  const inputRig = {
    distance: bodyManifest.inputDistance,
    focalPerWidth: (rig.focalPerWidth * bodyManifest.inputDistance) / rig.distance,
  };
  return {
    name: 'views',
    version: '3',
    defaults: VIEWS_DEFAULTS,
    async run(input, options, context) {
      const elevationDeg = options.elevationDeg ?? DEFAULT_ELEVATION_DEG;
      if (options.elevationDeg === null)
        context.emit({ kind: 'info', message: `elevation not given: ${DEFAULT_ELEVATION_DEG} degrees assumed (--elevation)` });
      const frame = frameInput(input.completion);
      const member = options.member === 'auto' ? (winner === 'denoiser' ? 'joint' : winner) : options.member;
      if (member === 'volume' && !volumeManifest) throw new ModelCorruptError(bundle.id, 'its manifest lacks volume');
      const session = await bundle.open(member === 'volume' ? 'volume' : 'layers', backend);
      let planes: { size: number; data: Float32Array };
      try {
        planes = await predictPlanes(session, frame.at, elevationDeg, context.signal);
      } finally {
        await session.dispose();
      }
      // The rig expects the object's box centred with longest side 1; the body is only about so. What moves is the world.
      const rawBody =
        member === 'volume'
          ? buildVolumeBody(frame.at(BODY_SIZE), planes, volumeManifest!, inputRig.distance)
          : buildLayeredBody(frame.at(BODY_SIZE), planes, inputRig.distance);
      const rawCamera = orbitCamera(0, elevationDeg, BODY_SIZE, inputRig);
      const placement = placementOf(bodyBounds(rawBody, rawCamera));
      const body = placeBody(rawBody, placement);
      const bodyCamera = placeCamera(rawCamera, placement);
      const bounds = bodyBounds(body, bodyCamera);
      const views = await renderViews(
        rigCameras(options.size, rig).map((camera, i) => () => {
          // twice the size, then averaged: soft edges tell the fit where inside a pixel the outline runs
          const fine = orbitCamera(i * rig.azimuthStepDeg, rig.elevationDeg, options.size * 2, rig);
          return { image: resample(renderBody(body, bodyCamera, bounds, fine), options.size, options.size), camera };
        }),
        context,
      );
      const finished = member === 'joint' ? await denoise(bundle, backend, views, frame.at, context) : views;
      const photoCamera = placeCamera(photoCameraOf(frame, input.completion, input.crop, input.photo, elevationDeg, inputRig), placement);
      return { views: finished, elevationDeg, photoCamera };
    },
  };
}

/** Renders views one by one with an event each. */
async function renderViews(renderers: (() => View)[], context: StageContext): Promise<View[]> {
  const views: View[] = [];
  for (const [i, render] of renderers.entries()) {
    const view = render();
    views.push(view);
    context.emit({ kind: 'preview', name: 'view', index: i, image: view.image });
    context.emit({ kind: 'progress', done: i + 1, total: renderers.length, unit: 'view' });
    await breathe(context.signal);
  }
  return views;
}

async function denoise(
  bundle: ModelBundle,
  backend: InferenceBackend,
  views: View[],
  frameAt: (size: number) => RgbaImage,
  { signal, rng, emit }: StageContext,
): Promise<View[]> {
  const sampler = samplerOf(bundle);
  const session = await bundle.open('denoiser', backend);
  try {
    const onStep = (done: number) => emit({ kind: 'progress', done, total: sampler.steps, unit: 'step' });
    const denoised = await denoiseViews(session, sampler, views, frameAt, rng, signal, onStep);
    for (const [index, { image }] of denoised.entries()) emit({ kind: 'preview', name: 'view', index, image });
    return denoised;
  } finally {
    await session.dispose();
  }
}

async function predictPlanes(
  session: Session,
  frameAt: (size: number) => RgbaImage,
  elevationDeg: number,
  signal: AbortSignal,
): Promise<{ size: number; data: Float32Array }> {
  const size = session.spec.inputs.find((input) => input.name === 'image')!.dims[3] as number;
  const image = frameAt(size);
  const count = size * size;
  // straight RGBA, 0..1, planes
  const planes = Float32Array.from({ length: 4 * count }, (_, i) => image.data[(i % count) * 4 + Math.floor(i / count)]! / 255);
  const data = await session.runSingle(
    { image: float32(planes, [1, 4, size, size]), elevation: float32(Float32Array.of((elevationDeg * Math.PI) / 180), [1]) },
    signal,
  );
  return { size, data };
}
