import { useEffect, useRef, useState } from 'react';
import { ApiError, api } from '../api/client.ts';
import type { Job, WireStageEvent } from '../api/types.ts';
import { backoffDelay } from '../lib/backoff.ts';

export type Connection = 'ok' | 'lost';

export interface EventHandlers {
  onJob(job: Job): void;
  onStage(event: WireStageEvent): void;
  /** The job is not on the server any more. */
  onGone(): void;
}

/** A line that held this long was a good one: pauses start small again. */
const STEADY_MS = 3000;

/** Listens to a job's events; reconnects with growing pauses, and says whether the line is up. */
export function useEvents(jobId: string | undefined, handlers: EventHandlers): Connection {
  const [connection, setConnection] = useState<Connection>('ok');
  const latest = useRef(handlers);
  latest.current = handlers;

  useEffect(() => {
    setConnection('ok');
    if (jobId === undefined) return;
    let source: EventSource | null = null;
    let timer: number | undefined;
    let attempt = 0;
    let stopped = false;

    const retry = (): void => {
      source?.close();
      window.clearTimeout(timer);
      timer = window.setTimeout(connect, backoffDelay(attempt++));
    };
    const connect = async (): Promise<void> => {
      // asked first: an EventSource cannot tell a missing job from a missing server
      try {
        const job = await api.job(jobId);
        if (stopped) return;
        latest.current.onJob(job);
      } catch (error) {
        if (stopped) return;
        if (error instanceof ApiError && error.problem.status === 404) {
          latest.current.onGone();
          return;
        }
        setConnection('lost');
        retry();
        return;
      }
      source = new EventSource(api.eventsPath(jobId));
      let openedAt = Number.POSITIVE_INFINITY;
      source.onopen = () => {
        openedAt = performance.now();
        setConnection('ok');
      };
      // no banner yet: the line may just have been closed; the next attempt tells
      source.onerror = () => {
        if (performance.now() - openedAt > STEADY_MS) attempt = 0;
        retry();
      };
      source.addEventListener('job', (event) => latest.current.onJob(JSON.parse(event.data) as Job));
      source.addEventListener('stage', (event) => latest.current.onStage(JSON.parse(event.data) as WireStageEvent));
    };
    void connect();
    return () => {
      stopped = true;
      window.clearTimeout(timer);
      source?.close();
    };
  }, [jobId]);

  return connection;
}
