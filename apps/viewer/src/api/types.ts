import type { Box, StageEvent, StageName } from '@gestalt3d/core';

/** The stages in the order of the chain. */
export const STAGES = ['segment', 'complete', 'views', 'reconstruct', 'mesh'] as const satisfies readonly StageName[];

/** What goes over the wire: points and box, in photograph pixels. */
export interface WirePrompt {
  points: { x: number; y: number; positive: boolean }[];
  box?: Box;
}

export const PRESETS = ['draft', 'standard', 'fine'] as const;
export type Preset = (typeof PRESETS)[number];

export interface JobOptions {
  samples: number;
  seed: number;
  /** null: estimated from the photograph. */
  elevationDeg: number | null;
  /** null: the one that agrees best with the majority. */
  completion: number | null;
  triangles: number;
  preset: Preset;
}

export interface Problem {
  title: string;
  detail: string;
  status?: number;
  code?: string;
  stage?: StageName;
}

export interface StageStatus {
  state: 'pending' | 'running' | 'done';
  done: number;
  total: number;
  milliseconds: number | null;
  reused: boolean;
}

export interface Artifact {
  name: string;
  sizeBytes: number;
  type: string;
  /** Carries a revision: it changes when the file does. */
  url: string;
}

export type JobState = 'idle' | 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export interface Job {
  id: string;
  state: JobState;
  queuePosition: number | null;
  createdAt: string;
  photo: { width: number; height: number; name: string };
  prompt: WirePrompt | null;
  options: Partial<JobOptions>;
  stages: Record<StageName, StageStatus>;
  artifacts: Artifact[];
  /** Completion that becomes 3D, once they are drawn. */
  chosen?: number | null;
  error: Problem | null;
}

export interface Sample {
  id: string;
  title: string;
  object: string;
  photoUrl: string;
  width: number;
  height: number;
  prompt: WirePrompt;
  licence: string;
  author: string;
}

/** A stage event as it comes over the wire: a preview has URLs instead of pixels and a mesh (GLB). */
export type WireStageEvent =
  | Exclude<StageEvent, { kind: 'preview' }>
  | { stage: StageName; kind: 'preview'; name: string; index: number; url: string; meshUrl?: string };
