import { type Checkpoint, CheckpointUnknownError } from '@gestalt3d/onnx';
import { clipRecipe } from './clip.ts';
import { pix2gestaltRecipe } from './pix2gestalt.ts';
import type { ModelRecipe } from './recipe.ts';
import { samRecipe } from './sam.ts';
import { syncdreamerRecipe } from './syncdreamer.ts';

export const MODEL_RECIPES: readonly ModelRecipe[] = [pix2gestaltRecipe, syncdreamerRecipe, clipRecipe, samRecipe];

/**
 * Which published model a checkpoint holds.
 * @param as insist on one
 * @throws CheckpointUnknownError that shows some names of what the file holds
 */
export function recipeFor(checkpoint: Checkpoint, as?: ModelRecipe['id']): ModelRecipe {
  const recipe = MODEL_RECIPES.find((candidate) => (as === undefined ? candidate.matches(checkpoint) : candidate.id === as));
  if (recipe?.matches(checkpoint)) return recipe;
  const names = [...checkpoint.tensors.keys()].slice(0, 3).join(', ');
  throw new CheckpointUnknownError(
    checkpoint.source.name,
    `the weights of ${as ?? MODEL_RECIPES.map((candidate) => candidate.id).join(', ')}`,
    `${checkpoint.tensors.size} other tensors (${names || 'none'})`,
  );
}
