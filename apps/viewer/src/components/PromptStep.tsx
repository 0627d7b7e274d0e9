import { useState } from 'react';
import type { Gestalt } from '../hooks/use-gestalt.ts';
import { hasMask, isUsable } from '../state/reducer.ts';
import { artifactOf, isActive, photoUrl } from '../state/selectors.ts';
import { CancelButton } from './CancelButton.tsx';
import { OptionsPanel } from './OptionsPanel.tsx';
import { PhotoCanvas } from './PhotoCanvas.tsx';
import { Segmented } from './Segmented.tsx';
import { Timeline } from './Timeline.tsx';

/** Step 2: which object, said by clicks or a box; the mask answers at once. */
export function PromptStep({ gestalt }: { gestalt: Gestalt }) {
  const { state, dispatch, actions } = gestalt;
  const [negative, setNegative] = useState(false);
  const { job, prompt, maskState } = state;
  if (!job) return null;
  const active = isActive(job);
  const looking = maskState === 'waiting' || maskState === 'refreshing';
  const empty = prompt.points.length === 0 && !prompt.box;
  const ready = maskState === 'ready' && !active && state.busy === null;
  const status = active
    ? 'Cancel the run to change the prompt.'
    : looking
      ? 'Looking…'
      : maskState === 'ready'
        ? 'Does the tint cover what you can see of the object, and nothing else?'
        : empty
          ? 'Click on the object to begin.'
          : isUsable(prompt)
            ? ''
            : 'Add a point on the object, or a box around it.';

  return (
    <div className="workspace">
      <PhotoCanvas
        photo={{ ...job.photo, url: photoUrl(state) ?? '' }}
        prompt={prompt}
        suggestion={empty && !active ? state.suggestion : null}
        mask={hasMask(state) ? artifactOf(job, 'mask.png')?.url : undefined}
        pending={looking}
        negative={negative}
        disabled={active}
        dispatch={dispatch}
      />
      <aside className="panel">
        <section className="panel-section">
          <h2>Which object?</h2>
          <p>Click on it. Click again where the tint misses, mark what does not belong, or drag a box around it.</p>
          <Segmented
            label="What a click means"
            value={negative ? 'negative' : 'positive'}
            options={[
              { value: 'positive', label: 'Object', testId: 'mode-positive', mark: 'positive' },
              { value: 'negative', label: 'Not object', testId: 'mode-negative', mark: 'negative' },
            ]}
            onChange={(value) => setNegative(value === 'negative')}
          />
          <div className="row">
            <button
              type="button"
              className="button"
              disabled={empty || active}
              onClick={() => dispatch({ type: 'undo' })}
              data-testid="undo"
            >
              Undo <kbd>⌫</kbd>
            </button>
            <button
              type="button"
              className="button"
              disabled={empty || active}
              onClick={() => dispatch({ type: 'clear' })}
              data-testid="clear"
            >
              Clear <kbd>Esc</kbd>
            </button>
          </div>
          {empty && !active && state.suggestion && (
            <button type="button" className="button" onClick={() => dispatch({ type: 'suggested' })} data-testid="suggest">
              Use the suggestion
            </button>
          )}
          <p className="quiet" aria-live="polite" data-testid="mask-status" data-state={maskState}>
            {status}
          </p>
        </section>
        <OptionsPanel options={state.options} disabled={active} onChange={(options) => dispatch({ type: 'options', options })} />
        <section className="panel-section actions">
          {active ? (
            <>
              <Timeline state={state} />
              <CancelButton gestalt={gestalt} />
            </>
          ) : (
            <>
              <button type="button" className="button primary" disabled={!ready} onClick={() => actions.complete()} data-testid="start">
                Complete the object
              </button>
              <button type="button" className="button" disabled={!ready} onClick={() => actions.runAll()} data-testid="start-all">
                Straight to 3-D
              </button>
            </>
          )}
        </section>
      </aside>
    </div>
  );
}
