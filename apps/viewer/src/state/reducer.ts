import type { Box, StageName } from '@gestalt3d/core';
import { type Job, type Problem, STAGES, type WirePrompt, type WireStageEvent } from '../api/types.ts';
import { farthestStep, hasArtifact, isActive } from './selectors.ts';
import { DEFAULT_OPTIONS, INITIAL_STATE, type LiveStage, type OptionsDraft, type PageStep, type State } from './state.ts';

export type Action =
  | { type: 'upload'; localPhoto: string }
  /** A job was created or opened: the page shows it from its farthest step. */
  | { type: 'open'; job: Job; suggestion?: WirePrompt }
  /** Fresh news about a job; other jobs' news are dropped. */
  | { type: 'job'; job: Job }
  | { type: 'stage'; event: WireStageEvent; now: number }
  | { type: 'close' }
  | { type: 'step'; step: PageStep }
  | { type: 'point'; x: number; y: number; positive: boolean }
  | { type: 'box'; box: Box }
  | { type: 'remove-point'; index: number }
  | { type: 'remove-box' }
  | { type: 'suggested' }
  | { type: 'undo' }
  | { type: 'clear' }
  | { type: 'mask-pending' }
  /** The mask of the last prompt arrived with its job. */
  | { type: 'masked'; job: Job }
  | { type: 'options'; options: Partial<OptionsDraft> }
  | { type: 'select'; index: number }
  | { type: 'busy'; busy: State['busy'] }
  /** The server took a start: what follows `from` is no longer true. */
  | { type: 'started'; job: Job; step: PageStep; from?: StageName }
  | { type: 'problem'; problem: Problem }
  | { type: 'dismiss' };

const NEW_LIVE: LiveStage = { done: 0, total: 0, unit: '', startedAt: null, previews: {}, message: null };

/** Whole state of the page after an action; pure. */
export function reducer(state: State, action: Action): State {
  switch (action.type) {
    case 'upload':
      return { ...INITIAL_STATE, options: state.options, localPhoto: action.localPhoto, busy: 'upload' };
    case 'open': {
      const { job } = action;
      const samePhoto = state.busy === 'upload';
      return {
        ...INITIAL_STATE,
        job,
        localPhoto: samePhoto ? state.localPhoto : null,
        step: farthestStep(job),
        prompt: job.prompt ?? { points: [] },
        suggestion: action.suggestion ?? null,
        maskState: hasArtifact(job, 'mask.png') ? 'ready' : 'none',
        options: { ...(samePhoto ? state.options : DEFAULT_OPTIONS), ...draftOf(job) },
        selected: job.chosen ?? job.options.completion ?? 0,
        problem: job.state === 'failed' ? job.error : null,
      };
    }
    case 'job': {
      if (state.job?.id !== action.job.id) return state;
      const { job, repeating } = withoutOld(action.job, state.repeating);
      // fresh completions come with a proposal
      const drawnNow = job.stages.complete.state === 'done' && state.job.stages.complete.state !== 'done';
      const failedNow = job.state === 'failed' && state.job.state !== 'failed';
      // an opened job may still be at its mask; after an edit the answer to the edit counts
      const masked = state.promptEdits === 0 && isUsable(state.prompt) && hasArtifact(job, 'mask.png');
      return {
        ...state,
        job,
        repeating,
        selected: drawnNow ? (job.chosen ?? state.selected) : state.selected,
        maskState: masked ? 'ready' : state.maskState,
        problem: failedNow ? job.error : state.problem,
      };
    }
    case 'stage':
      return withStageEvent(state, action.event, action.now);
    case 'close':
      return { ...INITIAL_STATE, options: state.options };
    case 'step':
      return state.job ? { ...state, step: action.step } : state;
    case 'point': {
      const point = { x: action.x, y: action.y, positive: action.positive };
      return edited(state, { ...state.prompt, points: [...state.prompt.points, point] });
    }
    case 'box':
      return edited(state, { ...state.prompt, box: action.box });
    case 'remove-point':
      return edited(state, { ...state.prompt, points: state.prompt.points.filter((_, i) => i !== action.index) });
    case 'remove-box':
      return edited(state, { points: state.prompt.points });
    case 'suggested':
      return state.suggestion ? edited(state, state.suggestion) : state;
    case 'undo': {
      if (state.prompt.points.length > 0) return edited(state, { ...state.prompt, points: state.prompt.points.slice(0, -1) });
      return state.prompt.box ? edited(state, { points: [] }) : state;
    }
    case 'clear':
      return state.prompt.points.length > 0 || state.prompt.box ? edited(state, { points: [] }) : state;
    case 'mask-pending':
      return { ...state, maskState: hasMask(state) ? 'refreshing' : 'waiting', problem: null };
    case 'masked':
      return state.job?.id === action.job.id ? { ...state, job: action.job, maskState: 'ready' } : state;
    case 'options':
      return { ...state, options: { ...state.options, ...action.options } };
    case 'select':
      return { ...state, selected: action.index };
    case 'busy':
      return { ...state, busy: action.busy };
    case 'started': {
      const { job, repeating } = withoutOld(action.job, action.from ?? null);
      return { ...state, job, repeating, step: action.step, busy: null, problem: null, warnings: [], live: pruned(state.live, job) };
    }
    case 'problem':
      return { ...state, problem: action.problem, busy: null, maskState: state.maskState === 'ready' ? 'ready' : 'none' };
    case 'dismiss':
      return { ...state, problem: null };
  }
}

function edited(state: State, prompt: WirePrompt): State {
  const usable = isUsable(prompt);
  return { ...state, prompt, promptEdits: state.promptEdits + 1, maskState: usable ? state.maskState : 'none', problem: null };
}

/** Is there a mask to show? */
export function hasMask(state: State): boolean {
  return state.maskState === 'ready' || state.maskState === 'refreshing';
}

/** Something says what is meant: a positive point or a box. */
export function isUsable(prompt: WirePrompt): boolean {
  return prompt.box !== undefined || prompt.points.some((point) => point.positive);
}

function withStageEvent(state: State, event: WireStageEvent, now: number): State {
  const known = state.live[event.stage] ?? NEW_LIVE;
  const put = (change: Partial<LiveStage>): State => ({ ...state, live: { ...state.live, [event.stage]: { ...known, ...change } } });
  switch (event.kind) {
    case 'start':
      return { ...state, live: { ...state.live, [event.stage]: { ...NEW_LIVE, startedAt: now } }, repeating: null };
    case 'progress':
      return put({ done: event.done, total: event.total, unit: event.unit });
    case 'preview':
      return put({ previews: { ...known.previews, [event.index]: event.url }, ...(event.meshUrl && { meshUrl: event.meshUrl }) });
    case 'info':
      return put({ message: event.message });
    case 'warning':
      return state.warnings.includes(event.message) ? state : { ...state, warnings: [...state.warnings, event.message] };
    case 'metric':
      return state;
    case 'end':
      return put({ message: null });
  }
}

/** The job with the stages that a queued start repeats as pending, until the first of them runs. */
function withoutOld(job: Job, repeating: StageName | null): Pick<State, 'job' | 'repeating'> & { job: Job } {
  if (!repeating || !isActive(job) || job.stages[repeating].state !== 'done') return { job, repeating: null };
  const stages = { ...job.stages };
  for (const stage of STAGES.slice(STAGES.indexOf(repeating)))
    stages[stage] = { state: 'pending', done: 0, total: 0, milliseconds: null, reused: false };
  return { job: { ...job, stages }, repeating };
}

/** Live state of the stages that the job has not yet to repeat. */
function pruned(live: State['live'], job: Job): State['live'] {
  const kept: State['live'] = {};
  for (const stage of STAGES) {
    const value = live[stage];
    if (value && job.stages[stage].state === 'done') kept[stage] = value;
  }
  return kept;
}

function draftOf(job: Job): Partial<OptionsDraft> {
  const { samples, seed, elevationDeg, triangles, preset } = job.options;
  const entries = Object.entries({ samples, seed, elevationDeg, triangles, preset }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<OptionsDraft>;
}
