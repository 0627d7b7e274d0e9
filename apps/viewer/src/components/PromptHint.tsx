import type { WirePrompt } from '../api/types.ts';
import type { Size } from '../lib/geometry.ts';

interface Props {
  suggestion: WirePrompt;
  photo: Size;
}

/** Rings that say: click here. They take no click themselves. */
export function PromptHint({ suggestion, photo }: Props) {
  return suggestion.points
    .filter((point) => point.positive)
    .map(({ x, y }) => (
      <i key={`${x},${y}`} className="hint" style={{ left: `${(x / photo.width) * 100}%`, top: `${(y / photo.height) * 100}%` }} />
    ));
}
