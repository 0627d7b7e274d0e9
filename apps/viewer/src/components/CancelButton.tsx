import type { Gestalt } from '../hooks/use-gestalt.ts';
import { isActive } from '../state/selectors.ts';

/** Stops a queued or running job on the server; nothing is shown otherwise. */
export function CancelButton({ gestalt }: { gestalt: Gestalt }) {
  const { state, actions } = gestalt;
  if (!isActive(state.job)) return null;
  return (
    <button
      type="button"
      className="button danger"
      disabled={state.busy === 'cancel'}
      onClick={() => actions.cancel()}
      data-testid="cancel"
    >
      {state.busy === 'cancel' ? 'Cancelling…' : 'Cancel'}
    </button>
  );
}
