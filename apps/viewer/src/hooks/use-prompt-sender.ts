import { type Dispatch, useEffect } from 'react';
import { ApiError, api } from '../api/client.ts';
import { type Action, isUsable } from '../state/reducer.ts';
import type { State } from '../state/state.ts';

const PAUSE_MS = 160;

/** Sends the prompt after each edit, once the hand rests; the last request wins. */
export function usePromptSender(state: State, dispatch: Dispatch<Action>): void {
  const { prompt, promptEdits } = state;
  const jobId = state.job?.id;

  useEffect(() => {
    if (jobId === undefined || promptEdits === 0 || !isUsable(prompt)) return;
    const controller = new AbortController();
    const timer = window.setTimeout(async () => {
      dispatch({ type: 'mask-pending' });
      try {
        const job = await api.prompt(jobId, prompt, controller.signal);
        if (!controller.signal.aborted) dispatch({ type: 'masked', job });
      } catch (error) {
        if (controller.signal.aborted) return;
        if (error instanceof ApiError) dispatch({ type: 'problem', problem: error.problem });
        else throw error;
      }
    }, PAUSE_MS);
    return () => {
      window.clearTimeout(timer);
      controller.abort();
    };
  }, [jobId, promptEdits, dispatch]);
}
