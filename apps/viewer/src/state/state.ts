import type { StageName } from '@gestalt3d/core';
import type { Job, JobOptions, Problem, WirePrompt } from '../api/types.ts';

/** The four steps of the page. */
export const PAGE_STEPS = ['photo', 'prompt', 'completions', 'asset'] as const;
export type PageStep = (typeof PAGE_STEPS)[number];

export interface LiveStage {
  done: number;
  total: number;
  unit: string;
  /** Clock of this page; null when the start was not seen. */
  startedAt: number | null;
  /** Preview URLs by index (sample, view). */
  previews: Record<number, string>;
  /** The newest preview's mesh (GLB). */
  meshUrl?: string;
  message: string | null;
}

/** What the user sets before a run. */
export type OptionsDraft = Pick<JobOptions, 'samples' | 'seed' | 'elevationDeg' | 'triangles' | 'preset'>;

export interface State {
  job: Job | null;
  /** A picture of the photograph that is already on this page while it uploads. */
  localPhoto: string | null;
  step: PageStep;
  prompt: WirePrompt;
  /** Where a sample's object is: shown until the user has pointed at something. */
  suggestion: WirePrompt | null;
  /** Rises with every edit of the prompt, not when one comes from the server. */
  promptEdits: number;
  /** `refreshing`: a mask is shown and a newer one is on its way. */
  maskState: 'none' | 'waiting' | 'refreshing' | 'ready';
  options: OptionsDraft;
  live: Partial<Record<StageName, LiveStage>>;
  /** First stage of a start that repeats it, until it runs: what is there of it and after it is out of date. */
  repeating: StageName | null;
  warnings: string[];
  /** Completion under the cursor of the choice. */
  selected: number;
  /** A request is on its way: upload, start, cancel. */
  busy: 'upload' | 'start' | 'cancel' | null;
  problem: Problem | null;
}

export const DEFAULT_OPTIONS: Readonly<OptionsDraft> = { samples: 4, seed: 7, elevationDeg: null, triangles: 20_000, preset: 'standard' };

export const INITIAL_STATE: State = {
  job: null,
  localPhoto: null,
  step: 'photo',
  prompt: { points: [] },
  suggestion: null,
  promptEdits: 0,
  maskState: 'none',
  options: DEFAULT_OPTIONS,
  live: {},
  repeating: null,
  warnings: [],
  selected: 0,
  busy: null,
  problem: null,
};
