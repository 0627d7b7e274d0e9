import type { StageName } from '@gestalt3d/core';
import { formatDuration } from '../lib/format.ts';
import type { StageProgress } from '../state/selectors.ts';
import { StageMark } from './StageMark.tsx';

interface Props {
  name: StageName;
  label: string;
  progress: StageProgress;
  now: number;
}

/** One stage: a mark, its name, how far, how long. */
export function StageRow({ name, label, progress, now }: Props) {
  const { state, done, total, unit, startedAt, milliseconds, reused, message } = progress;
  const running = state === 'running';
  const elapsed = startedAt === null ? null : Math.max(0, now - startedAt);
  const left = elapsed !== null && done >= 2 && total > done && elapsed > 3000 ? (elapsed / done) * (total - done) : null;
  const time = running
    ? elapsed === null
      ? ''
      : formatDuration(elapsed)
    : state === 'done'
      ? milliseconds === null
        ? reused
          ? 'kept'
          : ''
        : formatDuration(milliseconds)
      : state === 'failed'
        ? 'failed'
        : '';
  const detail = [
    total > 0 ? `${done} of ${total}${unit ? ` ${unit}s` : ''}` : null,
    left === null ? null : `about ${formatDuration(left)} left`,
  ]
    .filter(Boolean)
    .join(', ');
  return (
    <li className={`stage-row ${state}`} data-testid={`stage-${name}`} data-state={state} aria-current={running ? 'step' : undefined}>
      <StageMark done={state === 'done'} />
      <span className="stage-label">{label}</span>
      <span className="stage-time" title={reused ? 'Kept from an earlier run' : undefined}>
        {time}
      </span>
      {running && (
        <>
          <progress {...(total > 0 && { value: done, max: total })} aria-label={label} />
          <span className="stage-detail">{message ?? (detail || 'starting…')}</span>
        </>
      )}
    </li>
  );
}
