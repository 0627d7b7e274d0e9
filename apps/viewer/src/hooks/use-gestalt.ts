import type { StageName } from '@gestalt3d/core';
import { type Dispatch, useCallback, useMemo, useReducer, useRef } from 'react';
import { ApiError, api, type StartRequest } from '../api/client.ts';
import type { Sample, WirePrompt } from '../api/types.ts';
import { type Action, reducer } from '../state/reducer.ts';
import { optionsForCompletions, optionsForViews } from '../state/selectors.ts';
import { INITIAL_STATE, type PageStep, type State } from '../state/state.ts';
import { type Connection, useEvents } from './use-events.ts';
import { useHashJob } from './use-hash-job.ts';
import { usePromptSender } from './use-prompt-sender.ts';

export interface Actions {
  usePhoto(photo: Blob, name: string, suggestion?: WirePrompt): Promise<void>;
  useSample(sample: Sample): Promise<void>;
  openJob(id: string): Promise<void>;
  closeJob(): void;
  /** Draws completions and stops for a choice. */
  complete(again?: { seed: number }): Promise<void>;
  /** Goes through with one completion. */
  choose(index: number): Promise<void>;
  /** The whole chain without a stop, or the rest of it. */
  runAll(from?: StageName): Promise<void>;
  cancel(): Promise<void>;
}

export interface Gestalt {
  state: State;
  dispatch: Dispatch<Action>;
  actions: Actions;
  connection: Connection;
}

/** State of the page, what the user can do, and the line to the server. */
export function useGestalt(): Gestalt {
  const [state, dispatch] = useReducer(reducer, INITIAL_STATE);
  const latest = useRef(state);
  latest.current = state;

  const actions = useMemo((): Actions => {
    /** Runs a request; a problem becomes the banner. */
    const guarded = async (busy: State['busy'], work: () => Promise<void>): Promise<void> => {
      if (busy) dispatch({ type: 'busy', busy });
      try {
        await work();
      } catch (error) {
        const problem = error instanceof ApiError ? error.problem : { title: 'Unexpected error', detail: String(error) };
        dispatch({ type: 'problem', problem });
      } finally {
        dispatch({ type: 'busy', busy: null });
      }
    };
    const start = (body: StartRequest, step: PageStep): Promise<void> =>
      guarded('start', async () => {
        const { job } = latest.current;
        if (job) dispatch({ type: 'started', job: await api.start(job.id, body), step, ...(body.from && { from: body.from }) });
      });
    const usePhoto: Actions['usePhoto'] = (photo, name, suggestion) =>
      guarded('upload', async () => {
        const before = latest.current.localPhoto;
        dispatch({ type: 'upload', localPhoto: URL.createObjectURL(photo) });
        if (before) URL.revokeObjectURL(before);
        const job = await api.create(photo, name);
        dispatch({ type: 'open', job, ...(suggestion && { suggestion }) });
      });
    return {
      usePhoto,
      useSample: (sample) =>
        guarded('upload', async () => {
          const photo = await api.blob(sample.photoUrl);
          await usePhoto(photo, fileName(sample), sample.prompt);
        }),
      openJob: (id) =>
        guarded(null, async () => {
          dispatch({ type: 'open', job: await api.job(id) });
        }),
      closeJob: () => dispatch({ type: 'close' }),
      complete: (again) => {
        const draft = { ...latest.current.options, ...again };
        if (again) dispatch({ type: 'options', options: again });
        return start({ options: optionsForCompletions(draft), until: 'complete', ...(again && { from: 'complete' }) }, 'completions');
      },
      choose: async (index) => {
        const { job, options } = latest.current;
        if (job) await start({ options: optionsForViews(job, options, index), from: 'views' }, 'asset');
      },
      runAll: async (from) => {
        const { job, options, selected } = latest.current;
        if (job) await start({ options: optionsForViews(job, options, selected), ...(from && { from }) }, 'asset');
      },
      cancel: () =>
        guarded('cancel', async () => {
          const { job } = latest.current;
          if (!job) return;
          const cancelled = await api.remove(job.id);
          if (cancelled) dispatch({ type: 'job', job: cancelled });
        }),
    };
  }, []);

  const connection = useEvents(state.job?.id, {
    onJob: (job) => dispatch({ type: 'job', job }),
    onStage: (event) => dispatch({ type: 'stage', event, now: performance.now() }),
    onGone: () => {
      dispatch({ type: 'close' });
      dispatch({ type: 'problem', problem: { title: 'Job deleted', detail: 'This job is no longer on the server.' } });
    },
  });
  const follow = useCallback(
    (id: string | null): void => {
      if (id === null) actions.closeJob();
      else void actions.openJob(id);
    },
    [actions],
  );
  useHashJob(state.job?.id, follow);
  usePromptSender(state, dispatch);
  return { state, dispatch, actions, connection };
}

/** Named after the sample, whatever its address. */
function fileName(sample: Sample): string {
  const extension = /\.(png|webp|jpe?g)(?:$|\?)/i.exec(sample.photoUrl)?.[1] ?? 'jpg';
  return `${sample.id}.${extension}`;
}
