import type { Checkpoint, FloatDtype, GraphBuilder } from '@gestalt3d/onnx';

/** Of weights. `int8`: those of the UNet's convolutions and linear layers in 8 bits, everything else float32; meant for the CPU. */
export type WeightPrecision = FloatDtype | 'int8';

export interface RecipeOptions {
  precision: WeightPrecision;
  /** Use the moving average of the weights where the checkpoint has one, as the original's inference does. */
  ema: boolean;
  signal?: AbortSignal;
}

/** A checkpoint, understood: what to write into the bundle. */
export interface RecognisedModel {
  /** One graph a role. */
  graphs: Record<string, GraphBuilder>;
  /** What the stage that uses the bundle reads: preprocessing, scheduler, latent, rig. */
  manifest: Record<string, unknown>;
  /** Things a person should know. */
  notes: string[];
}

/** One published model. */
export interface ModelRecipe {
  id: 'pix2gestalt' | 'syncdreamer' | 'clip' | 'sam';
  /** SPDX identifier of the weights' licence. */
  licence: string;
  /** What the licence asks of whoever uses the weights, in one line. */
  terms: string;
  /** Where the weights come from. */
  source: string;
  /** Whether it has a UNet, so that int8 says something. */
  hasUNet: boolean;
  /** By names and shapes of the tensors alone. */
  matches(checkpoint: Checkpoint): boolean;
  /** @throws CheckpointUnknownError, ShapeMismatchError for a checkpoint that is not what its names promise */
  recognise(checkpoint: Checkpoint, options: RecipeOptions): Promise<RecognisedModel>;
}

/** What a precision means for the graphs of a model with a UNet. */
export function graphPrecision(precision: WeightPrecision): { all: { precision: FloatDtype }; unet: { eightBit: boolean } } {
  return { all: { precision: precision === 'int8' ? 'float32' : precision }, unet: { eightBit: precision === 'int8' } };
}
