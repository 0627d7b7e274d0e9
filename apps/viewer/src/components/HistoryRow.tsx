import { api } from '../api/client.ts';
import type { Job, JobState } from '../api/types.ts';
import { formatAge } from '../lib/format.ts';
import { artifactOf, isActive } from '../state/selectors.ts';

interface Props {
  job: Job;
  current: boolean;
  onOpen(): void;
  onRemove(): void;
}

const STATES: Record<JobState, string> = {
  idle: 'Waiting for you',
  queued: 'Queued',
  running: 'Running',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

export function HistoryRow({ job, current, onOpen, onRemove }: Props) {
  const picture = artifactOf(job, 'completion-0.png')?.url ?? artifactOf(job, 'input.png')?.url ?? api.artifactPath(job.id, 'input.png');
  return (
    <li className={`history-row${current ? ' current' : ''}`} data-testid={`job-${job.id}`}>
      <button type="button" className="history-open" onClick={onOpen} aria-current={current || undefined}>
        <img src={picture} alt="" loading="lazy" />
        <span className="history-text">
          <strong>{job.photo.name}</strong>
          <span className="quiet">
            <i className={`dot state-${job.state}`} /> {STATES[job.state]}, {formatAge(job.createdAt, Date.now())}
          </span>
        </span>
      </button>
      <button
        type="button"
        className="button ghost small"
        onClick={onRemove}
        aria-label={`${isActive(job) ? 'Cancel' : 'Delete'} ${job.photo.name}`}
      >
        {isActive(job) ? 'Cancel' : 'Delete'}
      </button>
    </li>
  );
}
