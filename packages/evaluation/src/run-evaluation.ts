import { type FileStore, type RgbImage, STAGE_NAMES } from '@gestalt3d/core';
import { OCCLUSION_BANDS } from '@gestalt3d/pairs';
import type { PipelineDeps } from '@gestalt3d/pipeline';
import type { EvaluationOptions } from './options.ts';
import { type PlannedSample, planSamples } from './plan.ts';
import { encodeJson, keyOf } from './records.ts';
import { reasonsOf } from './report/reasons.ts';
import type { EvaluationReport, SampleReport } from './report/report.ts';
import { reportHtml } from './report/report-html.ts';
import { reportMarkdown } from './report/report-markdown.ts';
import { summarise, summariseByBand } from './report/summarise.ts';
import { runSample, type VariantEvent } from './run-sample.ts';
import { type EvaluationObject, makeSample } from './samples/make-sample.ts';

/** Enters every key: to be raised when samples are made otherwise. */
const SAMPLES_VERSION = 1;

export interface EvaluationInput {
  /** What is evaluated. */
  objects: readonly EvaluationObject[];
  /** Whose pictures hide it; an object never hides itself while there is another. */
  occluders: readonly EvaluationObject[];
  /** Backgrounds, with a hash of all of them. */
  backdrops: { photos: readonly RgbImage[]; hash: string };
  /** Objects that were found but cannot be read, with the reason. */
  unreadable: readonly { what: string; reason: string }[];
}

export interface EvaluationEvents {
  onSample(index: number, count: number, sample: PlannedSample): void;
  onVariant: VariantEvent;
  onSkip(what: string, reason: string): void;
}

/**
 * The paper's protocol (pix2gestalt, section 4.3) on known objects: occluded pictures of them through the real stages, measured against the truth.
 * Writes report.json, report.md, index.html and the pictures into the store, the reports anew after every sample. What is finished there and follows
 * from the same things is not computed again.
 * @throws the signal's reason when aborted; whatever is finished then stays
 */
export async function runEvaluation(
  { objects, occluders, backdrops, unreadable }: EvaluationInput,
  options: EvaluationOptions,
  deps: PipelineDeps,
  store: FileStore,
  signal: AbortSignal,
  events: EvaluationEvents,
): Promise<EvaluationReport> {
  const plan = planSamples(
    objects.map(({ id }) => id),
    options.seed,
    options.samples,
  );
  const samples: SampleReport[] = [];
  const skipped = [...unreadable];
  const times: Record<string, number> = (await readTimes(store)) ?? {};
  for (const { what, reason } of unreadable) events.onSkip(what, reason);
  const stages: Record<string, string> = {};
  for (const name of STAGE_NAMES) if (name !== 'segment') stages[name] = await deps.identity(name);
  const write = async (): Promise<EvaluationReport> => {
    const report: EvaluationReport = {
      schemaVersion: 1,
      options,
      stages,
      environment: environmentOf(deps.describeHost()),
      skipped,
      samples,
      summary: summarise(samples),
      byBand: summariseByBand(samples),
    };
    await store.write('report.json', encodeJson(report));
    await store.write('report.md', new TextEncoder().encode(reportMarkdown(report)));
    await store.write('index.html', new TextEncoder().encode(reportHtml(report)));
    await store.write('times.json', encodeJson(times));
    return report;
  };

  for (const [index, planned] of plan.entries()) {
    signal.throwIfAborted();
    events.onSample(index, plan.length, planned);
    const object = objects[planned.object];
    const others = occluders.filter(({ hash }) => hash !== object.hash);
    const pool = others.length > 0 ? others : occluders;
    const sample = await makeSample(object, planned.band, pool, backdrops.photos, planned.seed);
    if (!sample) {
      const reason = 'no occluder could be placed so that the hidden share fell into the band';
      skipped.push({ what: planned.id, reason });
      events.onSkip(planned.id, reason);
      continue;
    }
    const poolHashes = pool.map(({ hash }) => hash);
    const key = await keyOf([SAMPLES_VERSION, object.hash, planned.seed, planned.band, poolHashes, backdrops.hash]);
    const folder = `samples/${planned.id}/`;
    const { results, milliseconds } = await runSample(sample, key, folder, options, deps, store, signal, events.onVariant);
    // a sample taken from its records took next to no time: what it took when it was made is kept
    times[planned.id] = Math.max(times[planned.id] ?? 0, milliseconds);
    const { hidden, occluder, azimuthDeg, elevationDeg, distance } = sample;
    const report: SampleReport = {
      id: planned.id,
      object: { id: object.id, name: object.name, hash: object.hash },
      seed: planned.seed,
      bandIndex: planned.band,
      band: OCCLUSION_BANDS[planned.band],
      hidden,
      occluder,
      camera: { azimuthDeg, elevationDeg, distance },
      variants: results,
      reasons: [],
    };
    samples.push({ ...report, reasons: reasonsOf(report) });
    await write();
  }
  return write();
}

/** Of the host, what does not change from run to run. */
function environmentOf(host: Record<string, unknown>): Record<string, unknown> {
  const { gestalt3d, node, platform, cpu } = host;
  return { gestalt3d, node, platform, cpu };
}

async function readTimes(store: FileStore): Promise<Record<string, number> | undefined> {
  const bytes = await store.read('times.json');
  try {
    return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, number>);
  } catch {
    return undefined;
  }
}
