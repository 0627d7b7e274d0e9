import { type Dispatch, type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from 'react';
import type { WirePrompt } from '../api/types.ts';
import { boxBetween, clamp, type Point, toPhoto } from '../lib/geometry.ts';
import type { Action } from '../state/reducer.ts';
import { MaskOverlay } from './MaskOverlay.tsx';
import { PromptHint } from './PromptHint.tsx';
import { PromptMarkers } from './PromptMarkers.tsx';

interface Props {
  photo: { url: string; width: number; height: number; name: string };
  prompt: WirePrompt;
  /** A hint where to click. */
  suggestion: WirePrompt | null;
  mask: string | undefined;
  pending: boolean;
  negative: boolean;
  disabled: boolean;
  dispatch: Dispatch<Action>;
}

/** Screen pixels that a press may wander and still be a click. */
const SLOP = 6;

/** The photograph to point at: click, drag, touch or keys. */
export function PhotoCanvas({ photo, prompt, suggestion, mask, pending, negative, disabled, dispatch }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: Point; to: Point; negative: boolean; moved: boolean } | null>(null);
  const [cursor, setCursor] = useState<Point | null>(null);

  const place = (event: PointerEvent): Point =>
    toPhoto({ x: event.clientX, y: event.clientY }, frame.current!.getBoundingClientRect(), photo);
  const down = (event: PointerEvent): void => {
    if (disabled || !event.isPrimary || event.button === 1) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const at = place(event);
    setCursor(null);
    setDrag({ from: at, to: at, negative: negative || event.altKey || event.button === 2, moved: false });
  };
  const move = (event: PointerEvent): void => {
    if (!drag) return;
    const at = place(event);
    const scale = frame.current!.clientWidth / photo.width;
    const moved = drag.moved || Math.hypot(at.x - drag.from.x, at.y - drag.from.y) * scale > SLOP;
    setDrag({ ...drag, to: at, moved });
  };
  const up = (): void => {
    if (!drag) return;
    if (drag.moved) dispatch({ type: 'box', box: boxBetween(drag.from, drag.to, photo) });
    else dispatch({ type: 'point', x: round(drag.from.x), y: round(drag.from.y), positive: !drag.negative });
    setDrag(null);
  };
  const key = (event: KeyboardEvent): void => {
    if (disabled || event.target !== frame.current) return;
    const step = (event.shiftKey ? 0.05 : 0.01) * Math.max(photo.width, photo.height);
    const at = cursor ?? { x: photo.width / 2, y: photo.height / 2 };
    const go = (x: number, y: number): void =>
      setCursor({ x: clamp(at.x + x * step, 0.5, photo.width - 0.5), y: clamp(at.y + y * step, 0.5, photo.height - 0.5) });
    if (event.key === 'ArrowLeft') go(-1, 0);
    else if (event.key === 'ArrowRight') go(1, 0);
    else if (event.key === 'ArrowUp') go(0, -1);
    else if (event.key === 'ArrowDown') go(0, 1);
    else if (event.key === 'Enter' || event.key === ' ')
      dispatch({ type: 'point', x: round(at.x), y: round(at.y), positive: !(negative || event.altKey || event.shiftKey) });
    else return;
    event.preventDefault();
  };

  // anywhere on the page, unless a field has the keys
  useEffect(() => {
    if (disabled) return;
    const edit = (event: globalThis.KeyboardEvent): void => {
      if (event.target instanceof HTMLElement && event.target.closest('input:not([type=radio]), select, textarea, dialog, .marker')) return;
      if (event.key === 'Backspace') dispatch({ type: 'undo' });
      else if (event.key === 'Escape') dispatch({ type: 'clear' });
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', edit);
    return () => window.removeEventListener('keydown', edit);
  }, [disabled, dispatch]);

  const box = drag?.moved ? boxBetween(drag.from, drag.to, photo) : prompt.box;
  return (
    <div className="stage" style={{ '--ratio': photo.width / photo.height } as React.CSSProperties}>
      <div
        ref={frame}
        className={`photo-frame${negative ? ' negative' : ''}${disabled ? ' disabled' : ''}`}
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move the cross, Enter sets a point
        tabIndex={0}
        aria-label={`Photo ${photo.name}. Arrow keys move a cross, Enter marks the object, Shift and Enter marks what is not the object.`}
        data-testid="photo-canvas"
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={() => setDrag(null)}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={key}
        onBlur={() => setCursor(null)}
      >
        <img src={photo.url} alt={photo.name} width={photo.width} height={photo.height} draggable={false} />
        {mask && <MaskOverlay url={mask} photo={photo} dim={pending} />}
        {suggestion && <PromptHint suggestion={suggestion} photo={photo} />}
        <PromptMarkers points={prompt.points} box={box} photo={photo} disabled={disabled} dispatch={dispatch} />
        {cursor && (
          <i className="cross" style={{ left: `${(cursor.x / photo.width) * 100}%`, top: `${(cursor.y / photo.height) * 100}%` }} />
        )}
        {pending && <i className="scan" />}
      </div>
    </div>
  );
}

const round = (value: number): number => Math.round(value * 10) / 10;
