import { type Prompt, STAGE_NAMES, type StageEvent, type StageName } from '@gestalt3d/core';
import type { RunFolder, RunOptions } from '@gestalt3d/pipeline';
import type { Problem } from './problem.ts';

export type JobState = 'idle' | 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export interface StageStatus {
  state: 'pending' | 'running' | 'done';
  done: number;
  total: number;
  milliseconds: number | null;
  reused: boolean;
}

/** What job.json keeps, so that a restart goes on where the last process ended. */
export interface JobRecord {
  id: string;
  createdAt: string;
  state: JobState;
  photo: { width: number; height: number; name: string };
  prompt: Prompt | null;
  options: RunOptions;
  error: Problem | null;
  /** What `queued` and `running` are about. */
  request: { from?: StageName; until?: StageName } | null;
}

export interface Artifact {
  name: string;
  sizeBytes: number;
  type: string;
  url: string;
}

/** A job as clients see it. */
export interface JobDocument extends Omit<JobRecord, 'request'> {
  queuePosition: number | null;
  stages: Record<StageName, StageStatus>;
  artifacts: Artifact[];
  /** Completion that becomes 3D, once they are drawn. */
  chosen: number | null;
}

export const pendingStages = (): Record<StageName, StageStatus> =>
  Object.fromEntries(
    STAGE_NAMES.map((name) => [name, { state: 'pending', done: 0, total: 0, milliseconds: null, reused: false }]),
  ) as Record<StageName, StageStatus>;

/** Stage states of a folder at rest: what its record says is finished. */
export async function finishedStages(folder: RunFolder): Promise<Record<StageName, StageStatus>> {
  const stages = pendingStages();
  for (const name of STAGE_NAMES) {
    const record = folder.record(name);
    if (record) stages[name] = { state: 'done', done: 1, total: 1, milliseconds: record.milliseconds, reused: true };
  }
  return stages;
}

/** Applies one event to the stage states; true if they changed. */
export function applyEvent(stages: Record<StageName, StageStatus>, event: StageEvent): boolean {
  const status = stages[event.stage];
  switch (event.kind) {
    case 'start':
      // what comes after a stage that runs again is out of date
      for (const later of STAGE_NAMES.slice(STAGE_NAMES.indexOf(event.stage)))
        stages[later] = { state: 'pending', done: 0, total: 0, milliseconds: null, reused: false };
      stages[event.stage].state = 'running';
      return true;
    case 'progress':
      status.done = event.done;
      status.total = event.total;
      return false;
    case 'end':
      stages[event.stage] = {
        state: 'done',
        done: status.total || 1,
        total: status.total || 1,
        milliseconds: event.milliseconds,
        reused: event.reused,
      };
      return true;
    default:
      return false;
  }
}
