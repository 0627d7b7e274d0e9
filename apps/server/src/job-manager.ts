import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ConflictError,
  isAbort,
  NotFoundError,
  type Prompt,
  PromptMissingError,
  STAGE_NAMES,
  type StageEvent,
  type StageName,
} from '@gestalt3d/core';
import { createFileStore, type Engine, imageCodec } from '@gestalt3d/host';
import { writeGlb } from '@gestalt3d/mesh';
import { type CompletionsFile, RunFolder, resolveRunOptions } from '@gestalt3d/pipeline';
import {
  type Artifact,
  applyEvent,
  finishedStages,
  type JobDocument,
  type JobRecord,
  type JobState,
  pendingStages,
  type StageStatus,
} from './job.ts';
import { type Problem, problemOf } from './problem.ts';

const RECORD = 'job.json';
const TYPES: Record<string, string> = {
  png: 'image/png',
  json: 'application/json',
  glb: 'model/gltf-binary',
  bin: 'application/octet-stream',
};

/** Content type of an artifact by its extension. */
export const typeOf = (name: string): string => TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';

interface Job {
  record: JobRecord;
  folder: RunFolder;
  stages: Record<StageName, StageStatus>;
  /** Previews of the stage that runs, PNG and GLB, by file name. */
  previews: Map<string, Uint8Array>;
  controller: AbortController | undefined;
  /** Settles when the run that is under way has ended. */
  running: Promise<void> | undefined;
  artifacts: Artifact[];
  /** Completion that agrees best with the majority, once they are drawn. */
  closestToVote: number | null;
}

/** Messages to clients: a job changed, or one stage event of it. */
export type JobMessage = { type: 'job'; job: JobDocument } | { type: 'stage'; event: Record<string, unknown> };

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

/**
 * Jobs in folders, one run at a time. Everything a client may ask for later is on disk: after a restart jobs are listed as
 * they were, and those that were queued or running go on, reusing their finished stages.
 */
export class JobManager {
  readonly dataDir: string;
  readonly #engine: Engine;
  readonly #log: (message: string) => void;
  readonly #jobs = new Map<string, Job>();
  readonly #queue: string[] = [];
  readonly #events = new EventEmitter();
  #active: Promise<void> | undefined;
  #closed = false;

  private constructor(dataDir: string, engine: Engine, log: (message: string) => void) {
    this.dataDir = dataDir;
    this.#engine = engine;
    this.#log = log;
    this.#events.setMaxListeners(0);
  }

  static async open(dataDir: string, engine: Engine, log: (message: string) => void): Promise<JobManager> {
    const manager = new JobManager(dataDir, engine, log);
    await manager.#restore();
    return manager;
  }

  async #restore(): Promise<void> {
    const names = await readdir(this.dataDir).catch(() => []);
    const resume: JobRecord[] = [];
    for (const name of names) {
      const store = createFileStore(join(this.dataDir, name));
      const bytes = await store.read(RECORD).catch(() => undefined);
      if (!bytes) continue;
      let record: JobRecord;
      try {
        record = JSON.parse(new TextDecoder().decode(bytes)) as JobRecord;
        if (record.id !== name) continue;
      } catch {
        this.#log(`job ${name}: its ${RECORD} is damaged, the job is left alone`);
        continue;
      }
      const folder = await RunFolder.open(store);
      const job: Job = {
        record,
        folder,
        stages: await finishedStages(folder),
        previews: new Map(),
        controller: undefined,
        running: undefined,
        artifacts: [],
        closestToVote: null,
      };
      this.#jobs.set(name, job);
      await this.#listArtifacts(job);
      if (record.state === 'queued' || record.state === 'running') resume.push(record);
    }
    resume.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
    for (const { id } of resume) await this.#enqueue(this.#get(id));
  }

  /** @throws NotFoundError */
  #get(id: string): Job {
    const job = this.#jobs.get(id);
    if (!job) throw new NotFoundError(`job ${id}`);
    return job;
  }

  #document(job: Job): JobDocument {
    const { request: _request, ...record } = job.record;
    const position = this.#queue.indexOf(record.id);
    return {
      ...record,
      queuePosition: position < 0 ? null : position + 1,
      stages: structuredClone(job.stages),
      artifacts: job.artifacts,
      chosen: record.options.completion ?? job.closestToVote,
    };
  }

  document(id: string): JobDocument {
    return this.#document(this.#get(id));
  }

  /** Newest first. */
  documents(): JobDocument[] {
    return [...this.#jobs.values()].map((job) => this.#document(job)).sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  }

  /** Calls back with every message about a job until the returned function is called. @throws NotFoundError */
  subscribe(id: string, listener: (message: JobMessage) => void): () => void {
    this.#get(id);
    this.#events.on(id, listener);
    return () => void this.#events.off(id, listener);
  }

  #publish(job: Job): void {
    this.#events.emit(job.record.id, { type: 'job', job: this.#document(job) } satisfies JobMessage);
  }

  async #save(job: Job): Promise<void> {
    await job.folder.store.write(RECORD, encode(job.record));
    await this.#listArtifacts(job);
    this.#publish(job);
  }

  async #listArtifacts(job: Job): Promise<void> {
    const artifacts: Artifact[] = [];
    for (const name of await job.folder.store.list('')) {
      if (name === RECORD) continue;
      const info = await stat(join(job.folder.store.location, name)).catch(() => undefined);
      if (!info) continue;
      const url = `/api/jobs/${job.record.id}/artifacts/${name}?v=${Math.round(info.mtimeMs).toString(36)}`;
      artifacts.push({ name, sizeBytes: info.size, type: typeOf(name), url });
    }
    job.artifacts = artifacts;
    const completions = await job.folder.store.read('completions.json');
    job.closestToVote = completions ? (JSON.parse(new TextDecoder().decode(completions)) as CompletionsFile).closestToVote : null;
  }

  /**
   * Makes a job of a photograph; with a prompt its whole chain is queued.
   * @throws ImageDecodeError, ImageTooLargeError, OptionError
   */
  async create(
    photo: { bytes: Uint8Array; name: string },
    prompt: Prompt | undefined,
    given: Record<string, unknown>,
  ): Promise<JobDocument> {
    const options = resolveRunOptions(given);
    const image = await imageCodec.decode(photo.bytes, photo.name);
    const id = randomUUID();
    const store = createFileStore(join(this.dataDir, id));
    await store.write('input.png', await imageCodec.encodePng(image));
    const record: JobRecord = {
      id,
      createdAt: new Date().toISOString(),
      state: 'idle',
      photo: { width: image.width, height: image.height, name: photo.name },
      prompt: null,
      options,
      error: null,
      request: null,
    };
    const job: Job = {
      record,
      folder: await RunFolder.open(store),
      stages: pendingStages(),
      previews: new Map(),
      controller: undefined,
      running: undefined,
      artifacts: [],
      closestToVote: null,
    };
    this.#jobs.set(id, job);
    await this.#save(job);
    if (prompt) {
      await this.#writePrompt(job, prompt);
      await this.#enqueue(job);
    }
    return this.#document(job);
  }

  async #writePrompt(job: Job, prompt: Prompt): Promise<void> {
    job.record.prompt = prompt;
    await job.folder.store.write('prompt.json', encode(prompt));
  }

  #assertAtRest(job: Job, asked: string): void {
    if (job.record.state === 'queued' || job.record.state === 'running') throw new ConflictError(asked, job.record.state);
  }

  /** Segments at once, outside the queue: a click must not wait for another job. @throws ConflictError, prompt errors */
  async prompt(id: string, prompt: Prompt, signal: AbortSignal): Promise<JobDocument> {
    const job = this.#get(id);
    this.#assertAtRest(job, 'change its prompt');
    // clicks may arrive faster than masks: one after the other
    await job.running;
    await this.#writePrompt(job, prompt);
    job.record.error = null;
    const run = this.#engine.run(job.folder, { options: job.record.options, until: 'segment' }, signal, (event) =>
      this.#onEvent(job, event),
    );
    job.running = run.then(
      () => {},
      () => {},
    );
    await run;
    job.record.state = 'idle';
    await this.#save(job);
    return this.#document(job);
  }

  /** Queues the chain, or a part of it. @throws ConflictError, PromptMissingError, OptionError */
  async start(id: string, request: { options?: Record<string, unknown>; from?: StageName; until?: StageName }): Promise<JobDocument> {
    const job = this.#get(id);
    this.#assertAtRest(job, 'start');
    if (!job.record.prompt) throw new PromptMissingError();
    job.record.options = resolveRunOptions({ ...job.record.options, ...request.options });
    const { options: _options, ...stages } = request;
    job.record.request = stages;
    if (stages.from) {
      const pending = pendingStages();
      for (const name of STAGE_NAMES.slice(STAGE_NAMES.indexOf(stages.from))) job.stages[name] = pending[name];
    }
    await this.#enqueue(job);
    return this.#document(job);
  }

  async #enqueue(job: Job): Promise<void> {
    job.record.state = 'queued';
    job.record.error = null;
    this.#queue.push(job.record.id);
    await this.#save(job);
    this.#pump();
  }

  #pump(): void {
    if (this.#active || this.#closed) return;
    const id = this.#queue.shift();
    if (id === undefined) return;
    const job = this.#get(id);
    job.controller = new AbortController();
    this.#active = this.#run(job, job.controller.signal).finally(() => {
      this.#active = undefined;
      for (const waiting of this.#queue) this.#publish(this.#get(waiting));
      this.#pump();
    });
    job.running = this.#active;
  }

  async #run(job: Job, signal: AbortSignal): Promise<void> {
    // kept until now: a client may still ask for the last picture of the run before
    job.previews.clear();
    let state: JobState;
    let failure: Problem | null = null;
    try {
      job.record.state = 'running';
      await this.#save(job);
      await this.#engine.run(job.folder, { options: job.record.options, ...job.record.request }, signal, (event) =>
        this.#onEvent(job, event),
      );
      state = (job.record.request?.until ?? 'mesh') === 'mesh' ? 'done' : 'idle';
    } catch (error) {
      // a server that stops leaves the job as it was, to go on after a restart
      if (isAbort(error, signal)) state = this.#closed ? 'queued' : 'cancelled';
      else {
        state = 'failed';
        failure = problemOf(error);
        if (failure.code === 'internal') this.#log(`job ${job.record.id}: ${(error as Error).stack ?? String(error)}`);
      }
    }
    // the state changes last: whoever sees `done` sees the artifacts too
    const stages = state === 'done' || state === 'idle' ? job.stages : await finishedStages(job.folder);
    await this.#listArtifacts(job).catch(() => {});
    job.controller = undefined;
    job.stages = stages;
    job.record.state = state;
    job.record.error = failure;
    await this.#save(job).catch((error: unknown) => this.#log(`job ${job.record.id}: ${(error as Error).message}`));
  }

  #onEvent(job: Job, event: StageEvent): void {
    if (applyEvent(job.stages, event)) {
      void this.#listArtifacts(job).then(
        () => this.#publish(job),
        () => {},
      );
    }
    if (event.kind !== 'preview') {
      this.#events.emit(job.record.id, { type: 'stage', event } satisfies JobMessage);
      return;
    }
    void this.#publishPreview(job, event).catch((error: unknown) => this.#log(`job ${job.record.id}: ${(error as Error).message}`));
  }

  /** Pictures and meshes are files of their own on the wire. */
  async #publishPreview(job: Job, { image, mesh, ...event }: Extract<StageEvent, { kind: 'preview' }>): Promise<void> {
    const name = `${event.stage}-${event.name}-${event.index}`;
    const revision = Date.now().toString(36);
    const keep = (file: string, bytes: Uint8Array): string => {
      job.previews.set(file, bytes);
      return `/api/jobs/${job.record.id}/previews/${file}?v=${revision}`;
    };
    const url = keep(`${name}.png`, await imageCodec.encodePng(image));
    const meshUrl = mesh && keep(`${name}.glb`, await writeGlb({ mesh }, imageCodec));
    this.#events.emit(job.record.id, { type: 'stage', event: { ...event, url, ...(meshUrl && { meshUrl }) } } satisfies JobMessage);
  }

  /** @throws NotFoundError */
  preview(id: string, name: string): Uint8Array {
    const preview = this.#get(id).previews.get(name);
    if (!preview) throw new NotFoundError(`preview ${name}`);
    return preview;
  }

  /** Path of an artifact. @throws NotFoundError also for names that are none of the folder's */
  async artifactPath(id: string, name: string): Promise<string> {
    const { store } = this.#get(id).folder;
    if (name === RECORD || !(await store.list('')).includes(name)) throw new NotFoundError(`artifact ${name}`);
    return join(store.location, name);
  }

  /** Cancels what is queued or runs, and waits until it has stopped; removes a job at rest. */
  async delete(id: string): Promise<JobDocument | undefined> {
    const job = this.#get(id);
    const { state } = job.record;
    if (state === 'queued') {
      this.#queue.splice(this.#queue.indexOf(id), 1);
      job.record.state = 'cancelled';
      await this.#save(job);
      return this.#document(job);
    }
    if (state === 'running') {
      job.controller?.abort(new DOMException('cancelled', 'AbortError'));
      await job.running;
      return this.#document(job);
    }
    await job.running;
    this.#jobs.delete(id);
    await createFileStore(this.dataDir).remove(id);
    return undefined;
  }

  /** Stops what runs; it goes on at the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#jobs.values()) job.controller?.abort(new DOMException('the server stops', 'AbortError'));
    await this.#active;
    await Promise.all([...this.#jobs.values()].map((job) => job.running));
  }
}
