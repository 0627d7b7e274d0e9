import type { Picture } from '../state/selectors.ts';
import { HiddenOverlay } from './HiddenOverlay.tsx';

interface Props {
  picture: Picture;
  visible: string | undefined;
  seed: number | undefined;
  selected: boolean;
  /** Mark the hidden part without a pointer on it. */
  reveal: boolean;
  disabled: boolean;
  onSelect(): void;
  onChoose(): void;
}

/** One completion, over a soft ground; what was hidden shows under the pointer. */
export function CompletionCard({ picture, visible, seed, selected, reveal, disabled, onSelect, onChoose }: Props) {
  const { index, url, preview } = picture;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a picture card with its own keys
    <button
      type="button"
      role="radio"
      aria-checked={selected && !disabled}
      aria-label={`Completion ${index + 1}`}
      tabIndex={selected ? 0 : -1}
      className={`completion${selected && !disabled ? ' selected' : ''}${reveal ? ' reveal' : ''}`}
      disabled={disabled}
      title={seed === undefined ? undefined : `Seed ${seed}`}
      onClick={onSelect}
      onDoubleClick={onChoose}
      data-testid={`completion-${index}`}
      data-state={url === null ? 'empty' : preview ? 'preview' : 'done'}
    >
      <span className="picture checker">
        {url !== null && <img src={url} alt="" draggable={false} />}
        {url === null && <i className="shimmer" />}
        {!preview && url !== null && visible && <HiddenOverlay whole={url} visible={visible} />}
      </span>
      <span className="completion-caption">
        <span>{index + 1}</span>
      </span>
    </button>
  );
}
