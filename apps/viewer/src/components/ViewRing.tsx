import { STAGES } from '../api/types.ts';
import { isActive, type Picture, stageProgress } from '../state/selectors.ts';
import type { State } from '../state/state.ts';
import { LiveMesh } from './LiveMesh.tsx';

interface Props {
  state: State;
  views: readonly Picture[];
}

const HEADLINES: Record<(typeof STAGES)[number], string> = {
  segment: 'Finding',
  complete: 'Imagining',
  views: 'Looking around',
  reconstruct: 'Fitting a surface',
  mesh: 'Building the mesh',
};

/** The views in a ring as they are made, the photo's side in front; in the middle what is going on, or the surface as it forms. */
export function ViewRing({ state, views }: Props) {
  const running = STAGES.find((stage) => stageProgress(state, stage).state === 'running');
  const progress = running && stageProgress(state, running);
  const share = progress && progress.total > 0 ? progress.done / progress.total : null;
  const previews = Object.values(state.live.reconstruct?.previews ?? {});
  const surface = running === 'reconstruct' || running === 'mesh' ? previews.at(-1) : undefined;
  return (
    <div className="stage ring-stage">
      <div className="ring" style={{ '--share': share ?? 0 } as React.CSSProperties}>
        {views.map((view) => {
          const angle = (view.index / views.length) * 2 * Math.PI;
          return (
            <span
              key={view.index}
              className="ring-view"
              style={{ left: `${50 + 44 * Math.sin(angle)}%`, top: `${50 + 44 * Math.cos(angle)}%` }}
              data-testid={`view-${view.index}`}
              data-state={view.url === null ? 'empty' : view.preview ? 'preview' : 'done'}
            >
              {view.url !== null && <img src={view.url} alt={`View ${view.index + 1}`} />}
            </span>
          );
        })}
        <div className="ring-middle">
          {surface ? (
            <LiveMesh meshUrl={state.live.reconstruct?.meshUrl} pictureUrl={surface} />
          ) : (
            <i className={`dial${share === null ? ' waiting' : ''}`} />
          )}
          <strong>{running ? HEADLINES[running] : isActive(state.job) ? 'Waiting' : 'Stopped'}</strong>
          {progress && progress.total > 0 && (
            <span className="quiet">
              {progress.done} of {progress.total}
            </span>
          )}
        </div>
      </div>
    </div>
  );
}
