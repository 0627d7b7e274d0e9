import type { StageMessage } from '@gestalt3d/core';
import { fieldOf, openField } from '../field.ts';
import type { FitProblem } from '../problem.ts';
import { type PreviewCamera, previewCamera } from './preview-camera.ts';
import { renderPreview } from './render-preview.ts';

/** Pixels along the picture's edge. */
const PICTURE_SIZE = 128;
/** Time from the start of a fit to the first preview: by then there is something to see. */
const FIRST_MS = 800;
/** Least time between two. */
const INTERVAL_MS = 1000;
/** All previews together may take this share of the fit's time; the first and the last are shown whatever they take. */
const SHARE = 0.035;

/** Shows a fit while it runs. Time spent is not of the fit's steps, and what is shown does not change them. */
export interface Previewer {
  /** Is it time for a preview? */
  due(): boolean;
  /** Sends one of these parameters. @throws the signal's reason */
  show(parameters: Float32Array): Promise<void>;
  /** All the time that was spent. */
  readonly spentMs: number;
}

export function createPreviewer(
  problem: FitProblem,
  emit: (event: StageMessage) => void,
  signal: AbortSignal,
  now: () => number = () => performance.now(),
): Previewer {
  const began = now();
  let next = began + FIRST_MS;
  let spentMs = 0;
  let camera: PreviewCamera | undefined;
  return {
    due: () => now() >= next,
    async show(parameters) {
      const started = now();
      const reader = await openField(fieldOf(problem.config, parameters, problem.bounds));
      camera ??= previewCamera(problem, PICTURE_SIZE);
      const preview = await renderPreview(reader, problem, camera, signal);
      if (preview) emit({ kind: 'preview', name: 'surface', index: 0, ...preview });
      const ended = now();
      spentMs += ended - started;
      next = Math.max(ended + INTERVAL_MS, began + spentMs / SHARE);
    },
    get spentMs() {
      return spentMs;
    },
  };
}
