import { describe, expect, it } from 'vitest';
import type { Job } from '../api/types.ts';
import { fakeJob } from './fake-job.ts';
import { type Action, isUsable, reducer } from './reducer.ts';
import { INITIAL_STATE, type State } from './state.ts';

const after = (actions: Action[], from: State = INITIAL_STATE): State => actions.reduce(reducer, from);
const opened = (job: Job = fakeJob()): State => after([{ type: 'open', job }]);

describe('prompt', () => {
  it('collects points and a box, and undoes the points first', () => {
    const state = after(
      [
        { type: 'point', x: 10, y: 20, positive: true },
        { type: 'box', box: { x0: 1, y0: 2, x1: 30, y1: 40 } },
        { type: 'point', x: 5, y: 6, positive: false },
      ],
      opened(),
    );
    expect(state.prompt).toEqual({
      points: [
        { x: 10, y: 20, positive: true },
        { x: 5, y: 6, positive: false },
      ],
      box: { x0: 1, y0: 2, x1: 30, y1: 40 },
    });
    const undone = after([{ type: 'undo' }, { type: 'undo' }], state);
    expect(undone.prompt).toEqual({ points: [], box: { x0: 1, y0: 2, x1: 30, y1: 40 } });
    expect(after([{ type: 'undo' }], undone).prompt).toEqual({ points: [] });
    expect(undone.promptEdits).toBe(5);
  });

  it('removes one point or the box', () => {
    const state = after(
      [
        { type: 'point', x: 1, y: 1, positive: true },
        { type: 'point', x: 2, y: 2, positive: true },
        { type: 'box', box: { x0: 0, y0: 0, x1: 9, y1: 9 } },
        { type: 'remove-point', index: 0 },
        { type: 'remove-box' },
      ],
      opened(),
    );
    expect(state.prompt).toEqual({ points: [{ x: 2, y: 2, positive: true }] });
  });

  it('needs a positive point or a box', () => {
    expect(isUsable({ points: [{ x: 1, y: 1, positive: false }] })).toBe(false);
    expect(isUsable({ points: [{ x: 1, y: 1, positive: true }] })).toBe(true);
    expect(isUsable({ points: [], box: { x0: 0, y0: 0, x1: 1, y1: 1 } })).toBe(true);
  });

  it('keeps the shown mask while the next one is made, and drops it with the prompt', () => {
    const masked = after(
      [
        { type: 'point', x: 1, y: 1, positive: true },
        { type: 'mask-pending' },
        { type: 'masked', job: fakeJob({ artifacts: ['mask.png'] }) },
      ],
      opened(),
    );
    expect(masked.maskState).toBe('ready');
    expect(reducer(masked, { type: 'mask-pending' }).maskState).toBe('refreshing');
    const cleared = reducer(masked, { type: 'clear' });
    expect(cleared.maskState).toBe('none');
    const again = after([{ type: 'point', x: 2, y: 2, positive: true }, { type: 'mask-pending' }], cleared);
    expect(again.maskState).toBe('waiting');
  });

  it('a problem ends the wait for a mask and shows itself until the next edit', () => {
    const failed = after(
      [
        { type: 'point', x: 1, y: 1, positive: true },
        { type: 'mask-pending' },
        { type: 'problem', problem: { title: 'Empty mask', detail: 'none' } },
      ],
      opened(),
    );
    expect(failed.maskState).toBe('none');
    expect(failed.problem?.title).toBe('Empty mask');
    expect(reducer(failed, { type: 'clear' }).problem).toBeNull();
  });
});

describe('jobs', () => {
  it('opens a job at its farthest step with its prompt, options and choice', () => {
    const job = fakeJob({ done: ['segment', 'complete'], artifacts: ['mask.png'], options: { seed: 99, completion: 2, samples: 6 } });
    const state = opened({ ...job, prompt: { points: [{ x: 3, y: 4, positive: true }] } });
    expect(state).toMatchObject({
      step: 'completions',
      selected: 2,
      maskState: 'ready',
      promptEdits: 0,
      options: { seed: 99, samples: 6 },
    });
    expect(state.prompt.points).toHaveLength(1);
  });

  it('keeps a suggestion until it is taken like an edit', () => {
    const suggestion = { points: [{ x: 1, y: 1, positive: true }] };
    const state = after([
      { type: 'upload', localPhoto: 'blob:x' },
      { type: 'open', job: fakeJob(), suggestion },
    ]);
    expect(state).toMatchObject({ promptEdits: 0, prompt: { points: [] }, localPhoto: 'blob:x', step: 'prompt', busy: null });
    expect(reducer(state, { type: 'suggested' })).toMatchObject({ promptEdits: 1, prompt: suggestion });
  });

  it('takes what a queued start repeats for out of date until it runs', () => {
    const done = fakeJob({ done: ['segment', 'complete', 'views', 'reconstruct', 'mesh'], state: 'queued', artifacts: ['asset.glb'] });
    const started = reducer(opened(done), { type: 'started', job: done, step: 'asset', from: 'views' });
    expect(started.job?.stages).toMatchObject({ complete: { state: 'done' }, views: { state: 'pending' }, mesh: { state: 'pending' } });
    const later = reducer(started, { type: 'job', job: done });
    expect(later.job?.stages.mesh.state).toBe('pending');
    const running = fakeJob({ done: ['segment', 'complete'], running: 'views', state: 'running' });
    expect(reducer(later, { type: 'job', job: running })).toMatchObject({
      repeating: null,
      job: { stages: { views: { state: 'running' } } },
    });
  });

  it('drops news of another job', () => {
    const state = opened();
    expect(reducer(state, { type: 'job', job: fakeJob({ id: 'other' }) })).toBe(state);
  });

  it('shows the error of a job when it fails, once', () => {
    const error = { title: 'No surface', detail: 'expected a surface', stage: 'reconstruct' as const };
    const failed = after([{ type: 'job', job: { ...fakeJob(), state: 'failed', error } }], opened());
    expect(failed.problem).toEqual(error);
    const dismissed = after([{ type: 'dismiss' }, { type: 'job', job: { ...fakeJob(), state: 'failed', error } }], failed);
    expect(dismissed.problem).toBeNull();
  });
});

describe('stage events', () => {
  it('keeps the mesh of the newest preview that has one', () => {
    const preview = { stage: 'reconstruct', kind: 'preview', name: 'surface', index: 0 } as const;
    const state = after(
      [
        { type: 'stage', event: { ...preview, url: '/p1', meshUrl: '/m1' }, now: 1 },
        { type: 'stage', event: { ...preview, url: '/p2', meshUrl: '/m2' }, now: 2 },
        { type: 'stage', event: { ...preview, url: '/p3' }, now: 3 },
      ],
      opened(),
    );
    expect(state.live.reconstruct).toMatchObject({ previews: { 0: '/p3' }, meshUrl: '/m2' });
    const again = after([{ type: 'stage', event: { stage: 'reconstruct', kind: 'start' }, now: 4 }], state);
    expect(again.live.reconstruct?.meshUrl).toBeUndefined();
  });

  it('keeps progress, previews and messages of each stage', () => {
    const state = after(
      [
        { type: 'stage', event: { stage: 'views', kind: 'start' }, now: 100 },
        { type: 'stage', event: { stage: 'views', kind: 'progress', done: 3, total: 16, unit: 'view' }, now: 200 },
        { type: 'stage', event: { stage: 'views', kind: 'preview', name: 'view', index: 2, url: '/v2' }, now: 210 },
        { type: 'stage', event: { stage: 'views', kind: 'info', message: 'warming up' }, now: 220 },
      ],
      opened(),
    );
    expect(state.live.views).toEqual({ done: 3, total: 16, unit: 'view', startedAt: 100, previews: { 2: '/v2' }, message: 'warming up' });
  });

  it('starts a stage afresh when it starts again', () => {
    const state = after(
      [
        { type: 'stage', event: { stage: 'complete', kind: 'preview', name: 'completion', index: 0, url: '/old' }, now: 1 },
        { type: 'stage', event: { stage: 'complete', kind: 'start' }, now: 2 },
      ],
      opened(),
    );
    expect(state.live.complete?.previews).toEqual({});
  });

  it('forgets what a new start repeats, keeps what it reuses', () => {
    const before = after(
      [
        { type: 'stage', event: { stage: 'complete', kind: 'progress', done: 20, total: 20, unit: 'step' }, now: 1 },
        { type: 'stage', event: { stage: 'views', kind: 'progress', done: 16, total: 16, unit: 'view' }, now: 2 },
        { type: 'stage', event: { stage: 'views', kind: 'warning', code: 'w', message: 'thin' }, now: 2 },
      ],
      opened(),
    );
    expect(before.warnings).toEqual(['thin']);
    const started = reducer(before, { type: 'started', job: fakeJob({ done: ['segment', 'complete'] }), step: 'asset' });
    expect(Object.keys(started.live)).toEqual(['complete']);
    expect(started).toMatchObject({ step: 'asset', warnings: [] });
  });
});
