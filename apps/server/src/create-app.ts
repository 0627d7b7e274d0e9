import { NotFoundError, OptionError } from '@gestalt3d/core';
import { type Engine, listSamples } from '@gestalt3d/host';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import multer from 'multer';
import { streamEvents } from './event-stream.ts';
import { type JobManager, typeOf } from './job-manager.ts';
import { parseJsonField, parseOptions, parsePrompt, parseStage } from './parse-body.ts';
import { problem, problemOf } from './problem.ts';

export interface AppOptions {
  jobs: JobManager;
  engine: Engine;
  /** Built viewer, served at /. */
  viewerDir: string;
  /** Host names that may be asked for; undefined when the server listens to more than this machine. */
  allowedHosts?: readonly string[];
  log(message: string): void;
}

const idOf = (request: Request): string => String(request.params.id);

/** The HTTP API of docs/http-api.md and the viewer. Does not listen. */
export function createApp({ jobs, engine, viewerDir, allowedHosts, log }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');

  // A page of another site must neither reach this API through a name that resolves here nor post to it
  app.use((request: Request, response: Response, next: NextFunction) => {
    const host = request.headers.host ?? '';
    const name = host.replace(/:\d+$/, '');
    const { origin } = request.headers;
    const foreign = origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
    if ((allowedHosts && !allowedHosts.includes(name)) || foreign) {
      sendProblem(
        response,
        problem('forbidden', 403, `expected a request from this server's own pages, got one for ${host} from ${origin ?? 'elsewhere'}`),
      );
      return;
    }
    response.setHeader('x-content-type-options', 'nosniff');
    next();
  });

  const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 64 * 2 ** 20, files: 1, fields: 4, fieldSize: 2 ** 20 } });

  app.post('/api/jobs', upload.single('photo'), async (request, response) => {
    if (!request.file) throw new OptionError('photo', 'an image file in the multipart field photo', 'none');
    const body = (request.body ?? {}) as Record<string, unknown>;
    const prompt = parseJsonField('prompt', body.prompt);
    const options = parseOptions(parseJsonField('options', body.options));
    const photo = { bytes: new Uint8Array(request.file.buffer), name: request.file.originalname || 'photo' };
    const job = await jobs.create(photo, prompt === undefined ? undefined : parsePrompt(prompt), options);
    response.status(201).location(`/api/jobs/${job.id}`).json(job);
  });

  app.get('/api/jobs', (_request, response) => void response.json(jobs.documents()));
  app.get('/api/jobs/:id', (request, response) => void response.json(jobs.document(idOf(request))));

  app.post('/api/jobs/:id/prompt', express.json({ limit: '1mb' }), async (request, response) => {
    const controller = new AbortController();
    // the next click makes this one's mask worthless
    response.on('close', () => controller.abort(new DOMException('the client left', 'AbortError')));
    response.json(await jobs.prompt(idOf(request), parsePrompt(request.body), controller.signal));
  });

  app.post('/api/jobs/:id/start', express.json({ limit: '1mb' }), async (request, response) => {
    const body = (request.body ?? {}) as Record<string, unknown>;
    const from = parseStage('from', body.from);
    const until = parseStage('until', body.until);
    const job = await jobs.start(idOf(request), {
      options: parseOptions(body.options),
      ...(from ? { from } : {}),
      ...(until ? { until } : {}),
    });
    response.status(202).json(job);
  });

  app.get('/api/jobs/:id/events', (request, response) => streamEvents(jobs, idOf(request), request, response));

  app.get('/api/jobs/:id/artifacts/*name', async (request, response) => {
    const parts = request.params.name as unknown as string[];
    const name = parts.join('/');
    const path = await jobs.artifactPath(idOf(request), name);
    response.type(typeOf(name));
    response.sendFile(path, { dotfiles: 'allow', cacheControl: false, headers: { 'cache-control': 'no-cache' } });
  });

  app.get('/api/jobs/:id/previews/:name', (request, response) => {
    const name = String(request.params.name);
    const bytes = jobs.preview(idOf(request), name);
    response.type(typeOf(name)).setHeader('cache-control', 'no-store');
    response.end(bytes);
  });

  app.delete('/api/jobs/:id', async (request, response) => {
    const job = await jobs.delete(idOf(request));
    if (job) response.json(job);
    else response.status(204).end();
  });

  app.get('/api/samples', async (_request, response) => {
    const samples = await listSamples();
    response.json(samples.map(({ path: _path, ...sample }) => ({ ...sample, photoUrl: `/api/samples/${sample.id}` })));
  });
  app.get('/api/samples/:id', async (request, response) => {
    const sample = (await listSamples()).find((candidate) => candidate.id === idOf(request));
    if (!sample) throw new NotFoundError(`sample ${idOf(request)}`);
    response.sendFile(sample.path, { dotfiles: 'allow' });
  });

  app.get('/api/doctor', async (_request, response) => void response.json(await engine.doctor()));

  app.use('/api', (request) => {
    throw new NotFoundError(`${request.method} ${request.originalUrl}`);
  });
  app.use(express.static(viewerDir, { index: 'index.html' }));
  app.use((request) => {
    throw new NotFoundError(request.originalUrl);
  });

  // express tells error handlers by their four parameters
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const document = problemOf(error);
    if (document.code === 'internal') log(`${request.method} ${request.originalUrl}: ${(error as Error).stack ?? String(error)}`);
    if (response.headersSent || response.destroyed) response.end();
    else sendProblem(response, document);
  });
  return app;
}

function sendProblem(response: Response, document: ReturnType<typeof problemOf>): void {
  response.status(document.status).type('application/problem+json').send(JSON.stringify(document));
}
