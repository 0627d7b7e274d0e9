import { type KeyboardEvent, useRef, useState } from 'react';
import { useCrop } from '../hooks/use-crop.ts';
import type { Gestalt } from '../hooks/use-gestalt.ts';
import { artifactOf, completionsOf, isActive, photoUrl } from '../state/selectors.ts';
import { CancelButton } from './CancelButton.tsx';
import { CompletionCard } from './CompletionCard.tsx';
import { OptionsPanel } from './OptionsPanel.tsx';
import { PhotoTile } from './PhotoTile.tsx';
import { Timeline } from './Timeline.tsx';

/** Step 3: several ideas of the whole object; one goes on. */
export function CompletionsStep({ gestalt }: { gestalt: Gestalt }) {
  const { state, dispatch, actions } = gestalt;
  const group = useRef<HTMLDivElement>(null);
  const [reveal, setReveal] = useState(false);
  const { job } = state;
  const finished = job?.stages.complete.state === 'done';
  const crop = useCrop(finished ? artifactOf(job, 'completions.json')?.url : undefined);
  if (!job) return null;
  const active = isActive(job);
  const pictures = completionsOf(state);
  const visible = finished ? artifactOf(job, 'visible.png')?.url : undefined;
  const selected = Math.min(state.selected, pictures.length - 1);
  const canChoose = finished && !active && state.busy === null && selected >= 0;
  const choose = (index: number): void => {
    if (canChoose) void actions.choose(index);
  };

  const key = (event: KeyboardEvent): void => {
    if (!(event.target instanceof HTMLElement) || event.target.role !== 'radio') return;
    const columns = Math.max(1, getComputedStyle(group.current!).gridTemplateColumns.split(' ').length);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (event.key === 'Enter') choose(selected);
    else if (step === undefined) return;
    else {
      const next = Math.min(pictures.length - 1, Math.max(0, selected + step));
      dispatch({ type: 'select', index: next });
      group.current?.querySelectorAll<HTMLElement>('[role=radio]')[next]?.focus();
    }
    event.preventDefault();
  };

  return (
    <div className="workspace">
      <div className="stage-column">
        <div ref={group} className="completion-grid" role="radiogroup" aria-label="Completions" onKeyDown={key}>
          <PhotoTile url={photoUrl(state) ?? ''} photo={job.photo} crop={crop?.crop} />
          {pictures.map((picture) => (
            <CompletionCard
              key={picture.index}
              picture={picture}
              visible={visible}
              seed={crop?.seeds[picture.index]}
              selected={picture.index === selected}
              reveal={reveal}
              disabled={!finished}
              onSelect={() => dispatch({ type: 'select', index: picture.index })}
              onChoose={() => choose(picture.index)}
            />
          ))}
          {finished && !active && (
            <button
              type="button"
              className="more-tile"
              disabled={state.busy !== null}
              onClick={() => actions.complete({ seed: nextSeed(state.options.seed) })}
              data-testid="more"
            >
              <svg
                viewBox="0 0 24 24"
                width="26"
                height="26"
                fill="none"
                stroke="currentColor"
                strokeWidth="2"
                strokeLinecap="round"
                aria-hidden="true"
              >
                <path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3M19.5 3.5v4h-4" />
              </svg>
              Other ideas
            </button>
          )}
        </div>
      </div>
      <aside className="panel">
        <section className="panel-section">
          <h2>{finished ? 'Which one is it?' : 'Imagining the whole object'}</h2>
          <p>
            {finished
              ? 'Each is one idea of what was hidden. The visible part is the photo’s own.'
              : 'The hidden part takes shape step by step. Several ideas are drawn, so that you can choose.'}
          </p>
          {finished && (
            <label className="check">
              <input type="checkbox" checked={reveal} onChange={(event) => setReveal(event.target.checked)} data-testid="reveal-hidden" />
              <span>
                Mark what was <em className="hidden-word">hidden</em>
              </span>
            </label>
          )}
        </section>
        {finished && !active && (
          <OptionsPanel
            options={state.options}
            disabled={false}
            only="asset"
            onChange={(options) => dispatch({ type: 'options', options })}
          />
        )}
        <section className="panel-section actions">
          {active || !finished ? (
            <Timeline state={state} />
          ) : (
            <button type="button" className="button primary" disabled={!canChoose} onClick={() => choose(selected)} data-testid="choose">
              Make this one 3-D
            </button>
          )}
          {!active && !finished && (
            <button
              type="button"
              className="button primary"
              disabled={state.busy !== null}
              onClick={() => actions.complete()}
              data-testid="retry"
            >
              Try again
            </button>
          )}
          <CancelButton gestalt={gestalt} />
        </section>
      </aside>
    </div>
  );
}

/** Far enough from the last that no sample's seed comes twice. */
const nextSeed = (seed: number): number => (seed + 1000) % 4294967296;
