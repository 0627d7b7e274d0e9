import { useEffect, useRef, useState } from 'react';
import { hiddenShare, insideOf, outlineOf, paint, strokeSoft } from '../lib/mask.ts';
import { readPixels } from '../lib/pixels.ts';

interface Props {
  /** Completion, its alpha is the whole object. */
  whole: string;
  /** Visible part in the same frame. */
  visible: string;
}

const SIZE = 384;
const TINT = [242, 100, 61, 120] as const;
const LINE = [242, 100, 61, 255] as const;

/** Tints what the photograph did not show, and draws the outline of the whole. */
export function HiddenOverlay({ whole, visible }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [share, setShare] = useState<number | null>(null);

  useEffect(() => {
    const controller = new AbortController();
    Promise.all([readPixels(whole, SIZE, SIZE, controller.signal), readPixels(visible, SIZE, SIZE, controller.signal)])
      .then(([wholePixels, visiblePixels]) => {
        const context = canvas.current?.getContext('2d');
        if (!context || controller.signal.aborted) return;
        const all = insideOf(wholePixels);
        const seen = insideOf(visiblePixels);
        const picture = context.createImageData(SIZE, SIZE);
        paint(
          picture.data,
          all.map((value, i) => value & (1 - seen[i]!)),
          TINT,
        );
        strokeSoft(picture.data, outlineOf(all, SIZE, SIZE, 1), SIZE, SIZE, LINE);
        context.putImageData(picture, 0, 0);
        setShare(hiddenShare(all, seen));
      })
      .catch(() => {
        // the completion stands without the overlay
      });
    return () => controller.abort();
  }, [whole, visible]);

  return (
    <>
      <canvas ref={canvas} className="hidden-overlay" width={SIZE} height={SIZE} />
      {share !== null && <span className="share">{Math.round(share * 100)} % hidden</span>}
    </>
  );
}
