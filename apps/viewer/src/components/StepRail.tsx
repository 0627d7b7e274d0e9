import { isReachable } from '../state/selectors.ts';
import { PAGE_STEPS, type PageStep, type State } from '../state/state.ts';

interface Props {
  state: State;
  onStep(step: PageStep): void;
}

const LABELS: Record<PageStep, string> = { photo: 'Photo', prompt: 'Object', completions: 'Completion', asset: '3-D model' };

/** Where the job is; every step behind can be looked at again. */
export function StepRail({ state, onStep }: Props) {
  const at = PAGE_STEPS.indexOf(state.step);
  return (
    <nav className="rail" aria-label="Steps">
      <ol>
        {PAGE_STEPS.map((step, i) => (
          <li key={step} className={i < at ? 'past' : ''}>
            <button
              type="button"
              onClick={() => onStep(step)}
              disabled={!isReachable(state, step)}
              aria-current={step === state.step ? 'step' : undefined}
              data-testid={`step-${step}`}
            >
              <span className="rail-number">{i + 1}</span>
              <span className="rail-label">{LABELS[step]}</span>
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}
