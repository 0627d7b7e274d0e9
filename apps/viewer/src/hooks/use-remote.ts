import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '../api/client.ts';
import type { Problem } from '../api/types.ts';
import { backoffDelay } from '../lib/backoff.ts';

export interface Remote<T> {
  value: T | null;
  /** The server does not answer; it is asked again by itself. */
  offline: boolean;
  problem: Problem | null;
  reload(): void;
}

/** Loads something from the server, and keeps trying while the server is away. */
export function useRemote<T>(load: (signal: AbortSignal) => Promise<T>, enabled = true): Remote<T> {
  const [value, setValue] = useState<T | null>(null);
  const [offline, setOffline] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    if (!enabled) return;
    const controller = new AbortController();
    let timer: number | undefined;
    let attempt = 0;
    const ask = async (): Promise<void> => {
      try {
        const answer = await latest.current(controller.signal);
        if (controller.signal.aborted) return;
        setValue(answer);
        setOffline(false);
        setProblem(null);
      } catch (error) {
        if (controller.signal.aborted || !(error instanceof ApiError)) return;
        setOffline(error.offline);
        setProblem(error.offline ? null : error.problem);
        if (error.offline) timer = window.setTimeout(ask, backoffDelay(attempt++));
      }
    };
    void ask();
    return () => {
      controller.abort();
      window.clearTimeout(timer);
    };
  }, [enabled, turn]);

  const reload = useCallback(() => setTurn((n) => n + 1), []);
  return { value, offline, problem, reload };
}
