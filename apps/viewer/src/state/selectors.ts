import type { StageName } from '@gestalt3d/core';
import { api } from '../api/client.ts';
import { type Artifact, type Job, type JobOptions, STAGES } from '../api/types.ts';
import { VIEW_COUNT } from '../lib/cameras.ts';
import { type OptionsDraft, PAGE_STEPS, type PageStep, type State } from './state.ts';

export function artifactOf(job: Job | null, name: string): Artifact | undefined {
  return job?.artifacts.find((artifact) => artifact.name === name);
}

export function hasArtifact(job: Job | null, name: string): boolean {
  return artifactOf(job, name) !== undefined;
}

export function isActive(job: Job | null): boolean {
  return job?.state === 'queued' || job?.state === 'running';
}

const touched = (job: Job, stage: StageName): boolean => job.stages[stage].state !== 'pending';

/** How far the page may go with this job; this is also where an opened job is shown. */
export function farthestStep(job: Job | null): PageStep {
  if (!job) return 'photo';
  if (touched(job, 'views') || touched(job, 'reconstruct') || touched(job, 'mesh') || hasArtifact(job, 'asset.glb')) return 'asset';
  if (touched(job, 'complete')) return 'completions';
  return 'prompt';
}

/** May the user go to this step now? */
export function isReachable(state: State, step: PageStep): boolean {
  if (step === 'photo') return true;
  if (!state.job) return false;
  const farthest = Math.max(PAGE_STEPS.indexOf(farthestStep(state.job)), PAGE_STEPS.indexOf(state.step));
  return PAGE_STEPS.indexOf(step) <= farthest;
}

/** Address of the upright photograph. */
export function photoUrl(state: State): string | null {
  if (state.localPhoto) return state.localPhoto;
  if (!state.job) return null;
  return artifactOf(state.job, 'input.png')?.url ?? api.artifactPath(state.job.id, 'input.png');
}

export interface Picture {
  index: number;
  /** null: not there yet. */
  url: string | null;
  /** A preview of something unfinished. */
  preview: boolean;
}

/** Completions in order: finished ones, or previews and empty places while they are made. */
export function completionsOf(state: State): Picture[] {
  const { job } = state;
  if (!job) return [];
  if (job.stages.complete.state === 'done')
    return (
      job.artifacts
        .map((artifact) => ({
          index: Number(/^completion-(\d+)\.png$/.exec(artifact.name)?.[1] ?? Number.NaN),
          url: artifact.url,
          preview: false,
        }))
        // files of an earlier run with more samples may still lie there
        .filter((picture) => picture.index < (job.options.samples ?? Number.POSITIVE_INFINITY))
        .sort((a, b) => a.index - b.index)
    );
  const count = job.options.samples ?? state.options.samples;
  return Array.from({ length: count }, (_, index) => ({ index, url: state.live.complete?.previews[index] ?? null, preview: true }));
}

/** The views in ring order: finished ones, or previews and empty places while they are made. */
export function viewsOf(state: State): Picture[] {
  const { job } = state;
  if (!job) return [];
  if (job.stages.views.state === 'done') {
    const views = job.artifacts
      .filter((artifact) => /^views\/\d+\.png$/.test(artifact.name))
      .sort((a, b) => a.name.localeCompare(b.name))
      .map((artifact, index) => ({ index, url: artifact.url, preview: false }));
    if (views.length > 0) return views;
  }
  return Array.from({ length: VIEW_COUNT }, (_, index) => ({ index, url: state.live.views?.previews[index] ?? null, preview: true }));
}

export interface StageProgress {
  state: 'pending' | 'running' | 'done' | 'failed';
  done: number;
  total: number;
  unit: string;
  startedAt: number | null;
  milliseconds: number | null;
  reused: boolean;
  message: string | null;
}

/** One stage's progress, from the job and from the events that came since. */
export function stageProgress(state: State, stage: StageName): StageProgress {
  const status = state.job?.stages[stage];
  const live = state.live[stage];
  if (!status) return { state: 'pending', done: 0, total: 0, unit: '', startedAt: null, milliseconds: null, reused: false, message: null };
  const failed = state.job?.state === 'failed' && state.job.error?.stage === stage;
  const stopped = !isActive(state.job) && status.state === 'running';
  return {
    state: failed ? 'failed' : stopped ? 'pending' : status.state,
    done: Math.max(status.done, live?.done ?? 0),
    total: Math.max(status.total, live?.total ?? 0),
    unit: live?.unit ?? '',
    startedAt: status.state === 'running' ? (live?.startedAt ?? null) : null,
    milliseconds: status.milliseconds,
    reused: status.reused,
    message: live?.message ?? null,
  };
}

/**
 * Options of the start that turns a completion into an asset. Once completions are drawn, samples and seed stay theirs:
 * another seed would draw them anew, and the choice would point at something else.
 */
export function optionsForViews(job: Job, draft: OptionsDraft, completion: number): Partial<JobOptions> {
  const drawn = job.stages.complete.state === 'done';
  const samples = (drawn ? job.options.samples : undefined) ?? draft.samples;
  const seed = (drawn ? job.options.seed : undefined) ?? draft.seed;
  return { ...draft, samples, seed, completion: drawn ? Math.min(completion, samples - 1) : null };
}

/** Options of a start that draws completions; the choice starts over. */
export function optionsForCompletions(draft: OptionsDraft): Partial<JobOptions> {
  return { ...draft, completion: null };
}

/** The finished asset; none while a run makes another. */
export function assetOf(job: Job | null): Artifact | undefined {
  return job?.stages.mesh.state === 'done' && !isActive(job) ? artifactOf(job, 'asset.glb') : undefined;
}

/** Would a new run with these options make another asset from the same completion? */
export function differs(job: Job, draft: OptionsDraft): boolean {
  return (['elevationDeg', 'triangles', 'preset'] as const).some(
    (name) => job.options[name] !== undefined && job.options[name] !== draft[name],
  );
}

/** 0..1 over the stages of a run, for the page's title; null when nothing runs. */
export function overallShare(state: State): number | null {
  if (!isActive(state.job)) return null;
  const shares = STAGES.map((stage) => {
    const progress = stageProgress(state, stage);
    if (progress.state === 'done') return 1;
    return progress.total > 0 ? progress.done / progress.total : 0;
  });
  return shares.reduce((sum, share) => sum + share, 0) / STAGES.length;
}
