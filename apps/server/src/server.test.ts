import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NoSurfaceError, STAGE_NAMES } from '@gestalt3d/core';
import type { Engine } from '@gestalt3d/host';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from './create-app.ts';
import type { JobDocument } from './job.ts';
import { JobManager } from './job-manager.ts';
import { startServer } from './start-server.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** An engine whose stages each take `steps` ticks; the real one is driven in test/. */
function tickingEngine(steps: number, failAt?: string): Engine & { runs: string[] } {
  const runs: string[] = [];
  return {
    runs,
    async run(folder, request, signal, onEvent) {
      const last = STAGE_NAMES.indexOf(request.until ?? 'mesh');
      for (const [i, stage] of STAGE_NAMES.entries()) {
        if (i > last) break;
        if (await folder.isFinished(stage, 'k')) {
          onEvent({ stage, kind: 'end', milliseconds: 1, reused: true });
          continue;
        }
        runs.push(stage);
        onEvent({ stage, kind: 'start' });
        for (let done = 1; done <= steps; done++) {
          await pause(5);
          signal.throwIfAborted();
          onEvent({ stage, kind: 'progress', done, total: steps, unit: 'step' });
        }
        if (stage === failAt) throw new NoSurfaceError('nothing solid');
        await folder.commit(
          stage,
          'k',
          new Map([[stage === 'segment' ? 'mask.png' : stage === 'mesh' ? 'asset.glb' : `${stage}.bin`, new Uint8Array([1, 2, 3])]]),
          5,
        );
        onEvent({ stage, kind: 'end', milliseconds: 5, reused: false });
      }
      return { stages: {} };
    },
    models: async () => [],
    doctor: async () => ({ platform: 'test' }) as never,
    close: async () => {},
  };
}

const photo = () =>
  sharp({ create: { width: 40, height: 30, channels: 3, background: 'teal' } })
    .jpeg()
    .toBuffer();
const prompt = { points: [{ x: 20, y: 15, positive: true }] };

describe('server', () => {
  let folder: string;
  let server: Server;
  let jobs: JobManager;
  let engine: ReturnType<typeof tickingEngine>;
  let base: string;

  const open = async (newEngine: ReturnType<typeof tickingEngine>): Promise<void> => {
    engine = newEngine;
    jobs = await JobManager.open(join(folder, 'jobs'), engine, () => {});
    server = createServer(createApp({ jobs, engine, viewerDir: folder, allowedHosts: ['127.0.0.1'], log: () => {} }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const close = async (): Promise<void> => {
    await jobs.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const create = async (fields: Record<string, unknown> = {}, bytes?: Uint8Array): Promise<Response> => {
    const form = new FormData();
    form.append('photo', new Blob([(bytes ?? (await photo())) as Uint8Array<ArrayBuffer>]), 'cup.jpg');
    for (const [name, value] of Object.entries(fields)) form.append(name, typeof value === 'string' ? value : JSON.stringify(value));
    return fetch(`${base}/api/jobs`, { method: 'POST', body: form });
  };
  const get = async (id: string): Promise<JobDocument> => (await fetch(`${base}/api/jobs/${id}`)).json() as Promise<JobDocument>;
  const until = async (id: string, state: string): Promise<JobDocument> => {
    for (let k = 0; k < 400; k++) {
      const job = await get(id);
      if (job.state === state) return job;
      await pause(5);
    }
    throw new Error(`job ${id} never became ${state}`);
  };
  const post = (path: string, body: unknown) =>
    fetch(`${base}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gestalt-server-'));
    await writeFile(join(folder, 'index.html'), '<title>viewer</title>');
    await open(tickingEngine(3));
  });
  afterEach(async () => {
    await close();
    await rm(folder, { recursive: true, force: true });
  });

  it('takes a photo and a prompt to a finished job with artifacts', async () => {
    const response = await create({ prompt, options: { samples: 2 } });
    expect(response.status).toBe(201);
    const { id } = (await response.json()) as JobDocument;
    expect(response.headers.get('location')).toBe(`/api/jobs/${id}`);
    const job = await until(id, 'done');
    expect(job.photo).toEqual({ width: 40, height: 30, name: 'cup.jpg' });
    expect(job.options.samples).toBe(2);
    expect(STAGE_NAMES.map((name) => job.stages[name].state)).toEqual(Array(5).fill('done'));
    const glb = job.artifacts.find((artifact) => artifact.name === 'asset.glb')!;
    const file = await fetch(base + glb.url);
    expect(file.headers.get('content-type')).toContain('model/gltf-binary');
    expect(file.headers.get('etag')).toBeTruthy();
    expect((await file.arrayBuffer()).byteLength).toBe(3);
  });

  it('lets a user prompt, stop after the completions, choose and go on', async () => {
    const { id, state } = (await (await create()).json()) as JobDocument;
    expect(state).toBe('idle');
    const prompted = (await (await post(`/api/jobs/${id}/prompt`, prompt)).json()) as JobDocument;
    expect(prompted.stages.segment.state).toBe('done');
    expect(prompted.artifacts.map((artifact) => artifact.name)).toContain('mask.png');
    expect((await post(`/api/jobs/${id}/start`, { until: 'complete' })).status).toBe(202);
    await until(id, 'idle');
    expect(engine.runs).toEqual(['segment', 'complete']);
    await post(`/api/jobs/${id}/start`, { options: { completion: 1 }, from: 'views' });
    const done = await until(id, 'done');
    expect(done.options.completion).toBe(1);
    expect(engine.runs).toEqual(['segment', 'complete', 'views', 'reconstruct', 'mesh']);
  });

  it('streams the job and true progress', async () => {
    const { id } = (await (await create()).json()) as JobDocument;
    const controller = new AbortController();
    const stream = await fetch(`${base}/api/jobs/${id}/events`, { signal: controller.signal });
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    await post(`/api/jobs/${id}/prompt`, prompt);
    await post(`/api/jobs/${id}/start`, {});
    let text = '';
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    while (
      !text.includes('"state":"done","queuePosition"') &&
      !/event: job\ndata: [^\n]*"state":"done"[^\n]*"mesh":\{"state":"done"/.test(text)
    )
      text += (await reader.read()).value ?? '';
    controller.abort();
    expect(text.startsWith('event: job\n')).toBe(true);
    expect(text).toContain('"stage":"views","kind":"progress","done":2,"total":3,"unit":"step"');
  });

  it('serves the preview of a surface as a picture and as a GLB', async () => {
    await close();
    const engine = tickingEngine(1);
    const image = { width: 2, height: 2, channels: 4 as const, data: new Uint8Array(16).fill(200) };
    const mesh = {
      positions: Float32Array.from([0, 0, 0, 1, 0, 0, 0, 1, 0]),
      indices: Uint32Array.from([0, 1, 2]),
      colors: new Uint8Array(9),
    };
    const { run } = engine;
    engine.run = async (folder, request, signal, onEvent) => {
      onEvent({ stage: 'reconstruct', kind: 'preview', name: 'surface', index: 0, image, mesh });
      await pause(300);
      return run(folder, request, signal, onEvent);
    };
    await open(engine);
    const { id } = (await (await create()).json()) as JobDocument;
    const stream = await fetch(`${base}/api/jobs/${id}/events`);
    await post(`/api/jobs/${id}/prompt`, prompt);
    const reader = stream.body!.getReader();
    let text = '';
    while (!text.includes('"preview"')) text += new TextDecoder().decode((await reader.read()).value);
    await reader.cancel();
    const event = JSON.parse(/data: (.*"preview".*)/.exec(text)![1]!) as Record<string, unknown>;
    expect(event).toEqual({
      stage: 'reconstruct',
      kind: 'preview',
      name: 'surface',
      index: 0,
      url: expect.any(String),
      meshUrl: expect.any(String),
    });
    const glb = await fetch(`${base}${event.meshUrl}`);
    expect(glb.headers.get('content-type')).toContain('model/gltf-binary');
    const bytes = new DataView(await glb.arrayBuffer());
    expect([bytes.getUint32(0, true), bytes.getUint32(8, true)]).toEqual([0x46546c67, bytes.byteLength]);
    expect((await fetch(`${base}${event.url}`)).headers.get('content-type')).toContain('image/png');
  });

  it('cancels a running job within a step and a queued one at once; a second DELETE removes', async () => {
    await close();
    await open(tickingEngine(10_000));
    const first = (await (await create({ prompt })).json()) as JobDocument;
    const second = (await (await create({ prompt })).json()) as JobDocument;
    await until(first.id, 'running');
    expect((await get(second.id)).queuePosition).toBe(1);
    const start = performance.now();
    const cancelled = (await (await fetch(`${base}/api/jobs/${second.id}`, { method: 'DELETE' })).json()) as JobDocument;
    expect(cancelled.state).toBe('cancelled');
    const stopped = (await (await fetch(`${base}/api/jobs/${first.id}`, { method: 'DELETE' })).json()) as JobDocument;
    expect(stopped.state).toBe('cancelled');
    expect(performance.now() - start).toBeLessThan(5000);
    expect((await fetch(`${base}/api/jobs/${first.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(`${base}/api/jobs/${first.id}`)).status).toBe(404);
  });

  it('keeps jobs over a restart and goes on with the one that ran', async () => {
    const done = (await (await create({ prompt })).json()) as JobDocument;
    await until(done.id, 'done');
    await close();
    await open(tickingEngine(10_000));
    const { id } = (await (await create({ prompt })).json()) as JobDocument;
    await until(id, 'running');
    await close();
    await open(tickingEngine(2));
    expect((await get(done.id)).state).toBe('done');
    expect((await get(done.id)).artifacts.length).toBeGreaterThan(3);
    await until(id, 'done');
  });

  it('reports a failed job as a problem with its stage', async () => {
    await close();
    await open(tickingEngine(1, 'reconstruct'));
    const { id } = (await (await create({ prompt })).json()) as JobDocument;
    const job = await until(id, 'failed');
    expect(job.error).toMatchObject({ code: 'no-surface', status: 422 });
    expect(job.stages.views.state).toBe('done');
  });

  it.each([
    ['not an image', async () => create({}, new TextEncoder().encode('no')), 422, 'image-decode'],
    ['no photo', async () => fetch(`${base}/api/jobs`, { method: 'POST', body: new FormData() }), 400, 'option'],
    ['a prompt that is not JSON', async () => create({ prompt: '{' }), 400, 'option'],
    ['a prompt without a point', async () => create({ prompt: { points: [] } }), 422, 'prompt-missing'],
    ['an unknown option', async () => create({ options: { sample: 3 } }), 400, 'option'],
    ['an option out of range', async () => create({ options: { triangles: 3 } }), 400, 'option'],
    ['an unknown job', async () => fetch(`${base}/api/jobs/nope`), 404, 'not-found'],
    ['an unknown path', async () => fetch(`${base}/api/nope`), 404, 'not-found'],
    [
      'an unknown stage',
      async () => post(`/api/jobs/${((await (await create()).json()) as JobDocument).id}/start`, { from: 'colour' }),
      400,
      'option',
    ],
    [
      'a start without a prompt',
      async () => post(`/api/jobs/${((await (await create()).json()) as JobDocument).id}/start`, {}),
      422,
      'prompt-missing',
    ],
    [
      'an artifact outside the folder',
      async () => fetch(`${base}/api/jobs/${((await (await create()).json()) as JobDocument).id}/artifacts/..%2f..%2fx`),
      404,
      'not-found',
    ],
    [
      'the record of a job',
      async () => fetch(`${base}/api/jobs/${((await (await create()).json()) as JobDocument).id}/artifacts/job.json`),
      404,
      'not-found',
    ],
    ['another origin', async () => fetch(`${base}/api/jobs`, { headers: { origin: 'http://evil.example' } }), 403, 'forbidden'],
    [
      'a body that is not JSON',
      async () => fetch(`${base}/api/jobs/x/start`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' }),
      400,
      'request',
    ],
  ] as const)('answers %s with a problem document', async (_what, request, status, code) => {
    const response = await request();
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ status, code });
  });

  it('refuses a second start while a job runs', async () => {
    await close();
    await open(tickingEngine(10_000));
    const { id } = (await (await create({ prompt })).json()) as JobDocument;
    await until(id, 'running');
    const response = await post(`/api/jobs/${id}/start`, {});
    expect(response.status).toBe(409);
  });

  it('serves the viewer', async () => {
    expect(await (await fetch(base)).text()).toContain('viewer');
  });

  it('says which port is taken', async () => {
    const { port } = server.address() as AddressInfo;
    await expect(startServer({ port, host: '127.0.0.1', dataDir: join(folder, 'other') })).rejects.toThrow(`port ${port}`);
  });
});
