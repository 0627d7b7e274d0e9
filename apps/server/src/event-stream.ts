import type { Request, Response } from 'express';
import type { JobManager, JobMessage } from './job-manager.ts';

const HEARTBEAT_MS = 15_000;

/** Server-sent events of one job: the job at once and whenever it changes, every stage event between. */
export function streamEvents(jobs: JobManager, id: string, request: Request, response: Response): void {
  const send = (message: JobMessage): void => {
    const data = message.type === 'job' ? message.job : message.event;
    response.write(`event: ${message.type}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const unsubscribe = jobs.subscribe(id, send);
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    connection: 'keep-alive',
    'x-accel-buffering': 'no',
  });
  send({ type: 'job', job: jobs.document(id) });
  const heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
  request.on('close', () => {
    clearInterval(heartbeat);
    unsubscribe();
  });
}
