import type { Completion, CompletionSet, Crop } from '@gestalt3d/core';
import { type ArtifactFormat, fromJson, toJson } from './artifact-format.ts';
import { loadMask } from './segmentation-format.ts';

/** completions.json */
export interface CompletionsFile {
  /** Photograph pixels. */
  crop: Crop;
  seeds: number[];
  /** Index of the completion whose outline agrees best with the majority. */
  closestToVote: number;
}

export const completionName = (index: number): string => `completion-${index}.png`;

/** Index of the completion with the highest intersection over union with the vote; the first of equals. */
export function closestToVote({ completions, vote }: CompletionSet): number {
  const agreement = completions.map(({ image }) => {
    let both = 0;
    let either = 0;
    for (let i = 0; i < vote.data.length; i++) {
      const inside = image.data[i * 4 + 3]! > 127;
      const voted = vote.data[i]! > 127;
      if (inside && voted) both++;
      if (inside || voted) either++;
    }
    return both / Math.max(either, 1);
  });
  return agreement.indexOf(Math.max(...agreement));
}

export const completionsFormat: ArtifactFormat<CompletionSet> = {
  async save(value, codec) {
    const files = new Map<string, Uint8Array>();
    for (const [i, completion] of value.completions.entries()) files.set(completionName(i), await codec.encodePng(completion.image));
    files.set('vote.png', await codec.encodePng(value.vote));
    files.set('visible.png', await codec.encodePng(value.visible));
    const seeds = value.completions.map((completion) => completion.seed);
    const json: CompletionsFile = { crop: value.crop, seeds, closestToVote: closestToVote(value) };
    return files.set('completions.json', toJson(json));
  },
  async load(read, codec) {
    const { crop, seeds } = fromJson<CompletionsFile>(await read('completions.json'));
    const completions: Completion[] = [];
    for (const [i, seed] of seeds.entries()) {
      const name = completionName(i);
      completions.push({ image: await codec.decode(await read(name), name), seed });
    }
    return {
      crop,
      completions,
      vote: await loadMask(await read('vote.png'), 'vote.png', codec),
      visible: await loadMask(await read('visible.png'), 'visible.png', codec),
    };
  },
};
