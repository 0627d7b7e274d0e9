import type { StageName } from '@gestalt3d/core';
import type { Job, JobOptions, Problem, Sample, WirePrompt } from './types.ts';

/** The server answered with a problem, or did not answer (`offline`). */
export class ApiError extends Error {
  readonly problem: Problem;
  readonly offline: boolean;

  constructor(problem: Problem, offline = false) {
    super(problem.detail);
    this.name = 'ApiError';
    this.problem = problem;
    this.offline = offline;
  }
}

const UNREACHABLE: Problem = {
  title: 'Server not reachable',
  detail: 'No answer from the Gestalt3D server. The page reconnects by itself as soon as it is back.',
};

/** Problem document of a failed response; a plain one where the body is something else. */
export async function problemOf(response: Response): Promise<Problem> {
  const fallback: Problem = {
    title: 'Request failed',
    detail: `The server answered ${response.status} ${response.statusText}`.trim(),
    status: response.status,
  };
  try {
    const body = (await response.json()) as Partial<Problem> | null;
    if (body === null || typeof body !== 'object') return fallback;
    const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined && value !== null));
    return { ...fallback, ...given };
  } catch {
    return fallback;
  }
}

async function request(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw new ApiError(UNREACHABLE, true);
  }
  // a proxy answers for a server that is gone
  if (response.status === 502 || response.status === 504) throw new ApiError(UNREACHABLE, true);
  if (!response.ok) throw new ApiError(await problemOf(response));
  return response;
}

const json = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
const jobPath = (id: string, rest = ''): string => `api/jobs/${encodeURIComponent(id)}${rest}`;
const withSignal = (init: RequestInit, signal: AbortSignal | undefined): RequestInit => (signal ? { ...init, signal } : init);

export interface StartRequest {
  options?: Partial<JobOptions>;
  from?: StageName;
  until?: StageName;
}

export const api = {
  async samples(signal?: AbortSignal): Promise<Sample[]> {
    return (await request('api/samples', withSignal({}, signal))).json();
  },
  async jobs(signal?: AbortSignal): Promise<Job[]> {
    return (await request('api/jobs', withSignal({}, signal))).json();
  },
  async job(id: string, signal?: AbortSignal): Promise<Job> {
    return (await request(jobPath(id), withSignal({}, signal))).json();
  },
  /** Creates an idle job: no prompt yet, so nothing runs. */
  async create(photo: Blob, name: string, signal?: AbortSignal): Promise<Job> {
    const body = new FormData();
    body.append('photo', photo, name);
    return (await request('api/jobs', withSignal({ method: 'POST', body }, signal))).json();
  },
  async prompt(id: string, prompt: WirePrompt, signal?: AbortSignal): Promise<Job> {
    return (await request(jobPath(id, '/prompt'), withSignal(json(prompt), signal))).json();
  },
  async start(id: string, body: StartRequest): Promise<Job> {
    return (await request(jobPath(id, '/start'), json(body))).json();
  },
  /** Cancels a queued or running job (the job comes back), removes any other (null). */
  async remove(id: string): Promise<Job | null> {
    const response = await request(jobPath(id), { method: 'DELETE' });
    return response.status === 204 ? null : response.json();
  },
  async blob(url: string, signal?: AbortSignal): Promise<Blob> {
    return (await request(url, withSignal({}, signal))).blob();
  },
  eventsPath: (id: string): string => jobPath(id, '/events'),
  artifactPath: (id: string, name: string): string => jobPath(id, `/artifacts/${name}`),
};
