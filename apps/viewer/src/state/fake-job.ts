import type { StageName } from '@gestalt3d/core';
import { type Job, type JobOptions, STAGES } from '../api/types.ts';

interface Shape {
  id?: string;
  state?: Job['state'];
  done?: StageName[];
  running?: StageName;
  artifacts?: string[];
  options?: Partial<JobOptions>;
}

/** A job for tests. */
export function fakeJob({ id = 'one', state = 'idle', done = [], running, artifacts = [], options = {} }: Shape = {}): Job {
  const stages = Object.fromEntries(
    STAGES.map((stage) => {
      const now = done.includes(stage) ? 'done' : stage === running ? 'running' : 'pending';
      return [stage, { state: now, done: now === 'done' ? 4 : 0, total: 4, milliseconds: now === 'done' ? 1200 : null, reused: false }];
    }),
  ) as Job['stages'];
  return {
    id,
    state,
    queuePosition: null,
    createdAt: '2026-11-23T10:00:00Z',
    photo: { width: 640, height: 480, name: 'cup.jpg' },
    prompt: null,
    options,
    stages,
    artifacts: artifacts.map((name) => ({ name, sizeBytes: 10, type: 'image/png', url: `/a/${name}?v=1` })),
    error: null,
  };
}
