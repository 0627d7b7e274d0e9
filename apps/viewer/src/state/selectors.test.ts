import { describe, expect, it } from 'vitest';
import { fakeJob } from './fake-job.ts';
import {
  assetOf,
  completionsOf,
  differs,
  farthestStep,
  isReachable,
  optionsForViews,
  overallShare,
  stageProgress,
  viewsOf,
} from './selectors.ts';
import { DEFAULT_OPTIONS, INITIAL_STATE, type State } from './state.ts';

const stateOf = (change: Partial<State>): State => ({ ...INITIAL_STATE, ...change });

describe('steps', () => {
  it('follow the stages of the job', () => {
    expect(farthestStep(null)).toBe('photo');
    expect(farthestStep(fakeJob({ done: ['segment'] }))).toBe('prompt');
    expect(farthestStep(fakeJob({ done: ['segment'], running: 'complete' }))).toBe('completions');
    expect(farthestStep(fakeJob({ done: ['segment', 'complete'], running: 'views' }))).toBe('asset');
  });

  it('are reachable backwards, not ahead of the job', () => {
    const state = stateOf({ job: fakeJob({ done: ['segment', 'complete'] }), step: 'completions' });
    expect(isReachable(state, 'prompt')).toBe(true);
    expect(isReachable(state, 'asset')).toBe(false);
    expect(isReachable(INITIAL_STATE, 'prompt')).toBe(false);
  });
});

describe('pictures', () => {
  it('are empty places and previews while a stage runs', () => {
    const job = fakeJob({ running: 'complete', options: { samples: 3 }, artifacts: ['completion-0.png'] });
    const live = { complete: { done: 1, total: 4, unit: 'step', startedAt: 0, previews: { 1: '/p1' }, message: null } };
    expect(completionsOf(stateOf({ job, live })).map((picture) => picture.url)).toEqual([null, '/p1', null]);
  });

  it('are the files of the run afterwards, in order', () => {
    const artifacts = ['completion-1.png', 'completion-10.png', 'completion-2.png', 'completion-0.png', 'completions.json'];
    const state = stateOf({ job: fakeJob({ done: ['complete'], artifacts }) });
    expect(completionsOf(state).map((picture) => picture.index)).toEqual([0, 1, 2, 10]);
  });

  it('show sixteen places before the first view', () => {
    const state = stateOf({ job: fakeJob({ done: ['complete'], artifacts: ['views/000.png'] }) });
    expect(viewsOf(state)).toHaveLength(16);
    expect(viewsOf(state).every((picture) => picture.url === null)).toBe(true);
    const finished = stateOf({ job: fakeJob({ done: ['views'], artifacts: ['views/001.png', 'views/000.png'] }) });
    expect(viewsOf(finished).map((picture) => picture.url)).toEqual(['/a/views/000.png?v=1', '/a/views/001.png?v=1']);
  });
});

describe('progress', () => {
  it('takes the newer of job and events', () => {
    const job = { ...fakeJob({ running: 'views', state: 'running' }) };
    const live = { views: { done: 3, total: 16, unit: 'view', startedAt: 50, previews: {}, message: null } };
    expect(stageProgress(stateOf({ job, live }), 'views')).toMatchObject({
      state: 'running',
      done: 3,
      total: 16,
      unit: 'view',
      startedAt: 50,
    });
  });

  it('marks the stage that failed, and none as running in a stopped job', () => {
    const failed = { ...fakeJob({ running: 'views', state: 'failed' }), error: { title: 't', detail: 'd', stage: 'views' as const } };
    expect(stageProgress(stateOf({ job: failed }), 'views').state).toBe('failed');
    expect(stageProgress(stateOf({ job: fakeJob({ running: 'views', state: 'cancelled' }) }), 'views').state).toBe('pending');
  });

  it('adds up over the stages of an active job', () => {
    expect(overallShare(stateOf({ job: fakeJob({ done: ['segment'], state: 'running' }) }))).toBeCloseTo(0.2);
    expect(overallShare(stateOf({ job: fakeJob({ done: ['segment'] }) }))).toBeNull();
  });
});

describe('options of a start', () => {
  it('keep the seed and samples that the completions were drawn with', () => {
    const job = fakeJob({ done: ['segment', 'complete'], options: { samples: 4, seed: 7 } });
    const draft = { ...DEFAULT_OPTIONS, samples: 8, seed: 1234, triangles: 5000 };
    expect(optionsForViews(job, draft, 2)).toEqual({ ...draft, samples: 4, seed: 7, completion: 2 });
  });

  it('are the draft’s before any completion', () => {
    expect(optionsForViews(fakeJob(), { ...DEFAULT_OPTIONS, samples: 2, seed: 5 }, 3)).toMatchObject({
      samples: 2,
      seed: 5,
      completion: null,
    });
  });

  it('differ when the asset would', () => {
    const job = fakeJob({ options: { triangles: 20_000, preset: 'standard', elevationDeg: null, seed: 1 } });
    expect(differs(job, DEFAULT_OPTIONS)).toBe(false);
    expect(differs(job, { ...DEFAULT_OPTIONS, elevationDeg: 10 })).toBe(true);
  });
});

it('an asset counts only while its stage is done', () => {
  expect(assetOf(fakeJob({ artifacts: ['asset.glb'], running: 'mesh' }))).toBeUndefined();
  expect(assetOf(fakeJob({ artifacts: ['asset.glb'], done: ['mesh'] }))?.name).toBe('asset.glb');
});
