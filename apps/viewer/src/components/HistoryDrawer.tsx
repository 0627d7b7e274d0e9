import { useEffect, useRef } from 'react';
import { ApiError, api } from '../api/client.ts';
import type { Job } from '../api/types.ts';
import { useRemote } from '../hooks/use-remote.ts';
import { isActive } from '../state/selectors.ts';
import { HistoryRow } from './HistoryRow.tsx';

interface Props {
  open: boolean;
  currentId: string | undefined;
  onClose(): void;
  onOpen(id: string): void;
  /** The job on the page was deleted. */
  onRemoved(): void;
}

/** Earlier jobs: reopen or delete. */
export function HistoryDrawer({ open, currentId, onClose, onOpen, onRemoved }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const jobs = useRemote(api.jobs, open);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  // a press beside the drawer closes it; Escape does so by itself
  useEffect(() => {
    const element = dialog.current;
    const beside = (event: MouseEvent): void => {
      if (event.target === element) element?.close();
    };
    element?.addEventListener('click', beside);
    return () => element?.removeEventListener('click', beside);
  }, []);

  const remove = async (job: Job): Promise<void> => {
    try {
      await api.remove(job.id);
      if (job.id === currentId && !isActive(job)) onRemoved();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    jobs.reload();
  };

  return (
    <dialog ref={dialog} className="drawer" aria-labelledby="history-title" onClose={onClose}>
      <div className="drawer-body">
        <header>
          <h2 id="history-title">History</h2>
          <button type="button" className="button ghost small" onClick={onClose}>
            Close
          </button>
        </header>
        {jobs.offline && <p className="quiet">The server does not answer; trying again…</p>}
        {jobs.problem && <p className="warning">{jobs.problem.detail}</p>}
        {jobs.value?.length === 0 && <p className="quiet">Nothing here yet.</p>}
        <ul className="history-list">
          {jobs.value?.map((job) => (
            <HistoryRow
              key={job.id}
              job={job}
              current={job.id === currentId}
              onOpen={() => {
                onClose();
                onOpen(job.id);
              }}
              onRemove={() => remove(job)}
            />
          ))}
        </ul>
      </div>
    </dialog>
  );
}
