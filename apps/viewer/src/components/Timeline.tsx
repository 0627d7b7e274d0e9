import type { StageName } from '@gestalt3d/core';
import { STAGES } from '../api/types.ts';
import { useNow } from '../hooks/use-now.ts';
import { isActive, stageProgress } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import { StageRow } from './StageRow.tsx';

const LABELS: Record<StageName, string> = {
  segment: 'Find what is visible',
  complete: 'Imagine the whole',
  views: 'Look from 16 sides',
  reconstruct: 'Fit a surface',
  mesh: 'Build and colour the mesh',
};

/** Every stage with its true progress and time. */
export function Timeline({ state }: { state: State }) {
  const active = isActive(state.job);
  const now = useNow(active);
  const position = state.job?.state === 'queued' ? state.job.queuePosition : null;
  return (
    <section className="timeline" aria-label="Progress">
      {state.job?.state === 'queued' && (
        <p className="quiet" data-testid="queue">
          {position !== null && position > 0 ? `Waiting, ${position} ${position === 1 ? 'job' : 'jobs'} ahead` : 'Waiting for the machine…'}
        </p>
      )}
      <ol>
        {STAGES.map((stage) => (
          <StageRow key={stage} name={stage} label={LABELS[stage]} progress={stageProgress(state, stage)} now={now} />
        ))}
      </ol>
      {state.warnings.map((warning) => (
        <p key={warning} className="warning">
          {warning}
        </p>
      ))}
    </section>
  );
}
