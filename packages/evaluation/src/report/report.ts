import type { EvaluationOptions } from '../options.ts';
import type { VariantResult } from '../run-sample.ts';
import type { VariantName } from '../variants.ts';
import type { Summary } from './summarise.ts';

/** One sample of report.json. */
export interface SampleReport {
  id: string;
  object: { id: string; name: string; hash: string };
  seed: number;
  /** Index into the occlusion bands, and the band. */
  bandIndex: number;
  band: readonly number[];
  hidden: number;
  occluder: string;
  camera: { azimuthDeg: number; elevationDeg: number; distance: number };
  variants: Partial<Record<VariantName, VariantResult>>;
  /** Why the completed object is as far from the truth as it is, most telling first. */
  reasons: string[];
}

/** report.json. Two runs of the same commands on the same machine write the same bytes; times are in times.json. */
export interface EvaluationReport {
  schemaVersion: 1;
  options: EvaluationOptions;
  /** Code version, model hash and defaults of each stage. */
  stages: Record<string, string>;
  environment: Record<string, unknown>;
  /** What could not be evaluated. */
  skipped: { what: string; reason: string }[];
  samples: SampleReport[];
  summary: Summary;
  byBand: { band: readonly number[]; samples: number; summary: Summary }[];
}
