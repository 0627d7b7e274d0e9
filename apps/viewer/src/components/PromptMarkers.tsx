import type { Box } from '@gestalt3d/core';
import type { CSSProperties, Dispatch, KeyboardEvent, PointerEvent } from 'react';
import type { WirePrompt } from '../api/types.ts';
import type { Size } from '../lib/geometry.ts';
import type { Action } from '../state/reducer.ts';

interface Props {
  points: WirePrompt['points'];
  box: Box | undefined;
  photo: Size;
  disabled: boolean;
  dispatch: Dispatch<Action>;
}

const stop = (event: PointerEvent): void => event.stopPropagation();

/** Points and box as they lie on the photograph; a click on one takes it away. */
export function PromptMarkers({ points, box, photo, disabled, dispatch }: Props) {
  const x = (value: number): string => `${(value / photo.width) * 100}%`;
  const y = (value: number): string => `${(value / photo.height) * 100}%`;
  const onDelete = (action: Action) => (event: KeyboardEvent) => {
    if (event.key !== 'Delete' && event.key !== 'Backspace') return;
    event.preventDefault();
    event.stopPropagation();
    dispatch(action);
  };
  const frame: CSSProperties | undefined = box && {
    left: x(box.x0),
    top: y(box.y0),
    width: x(box.x1 - box.x0),
    height: y(box.y1 - box.y0),
  };
  return (
    <>
      {box && (
        <div className="prompt-box" style={frame} data-testid="prompt-box">
          <button
            type="button"
            className="marker box-handle"
            disabled={disabled}
            aria-label="Box around the object. Remove it."
            onPointerDown={stop}
            onClick={() => dispatch({ type: 'remove-box' })}
            onKeyDown={onDelete({ type: 'remove-box' })}
          >
            ×
          </button>
        </div>
      )}
      {points.map((point, index) => (
        <button
          key={index}
          type="button"
          className={`marker point ${point.positive ? 'positive' : 'negative'}`}
          style={{ left: x(point.x), top: y(point.y) }}
          disabled={disabled}
          aria-label={`Point ${index + 1}, ${point.positive ? 'on the object' : 'not the object'}, at ${Math.round(point.x)}, ${Math.round(point.y)}. Remove it.`}
          data-testid={`point-${index}`}
          onPointerDown={stop}
          onClick={() => dispatch({ type: 'remove-point', index })}
          onKeyDown={onDelete({ type: 'remove-point', index })}
        />
      ))}
    </>
  );
}
