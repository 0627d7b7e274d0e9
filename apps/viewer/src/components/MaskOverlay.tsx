import { useEffect, useRef, useState } from 'react';
import { fitWithin, type Size } from '../lib/geometry.ts';
import { insideOf, outlineOf, paint, strokeSoft } from '../lib/mask.ts';
import { readPixels } from '../lib/pixels.ts';

interface Props {
  url: string;
  photo: Size;
  /** A newer mask is on its way. */
  dim: boolean;
}

const TINT = [59, 91, 219, 105] as const;
const LINE = [255, 255, 255, 255] as const;
const AROUND = [10, 12, 20, 52] as const;

/** The modal mask over the photograph: tint inside, a line around it, the rest a little darker. */
export function MaskOverlay({ url, photo, dim }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [shown, setShown] = useState<string | null>(null);
  const { width, height } = fitWithin(photo, 1200);

  useEffect(() => {
    const controller = new AbortController();
    readPixels(url, width, height, controller.signal)
      .then((pixels) => {
        const context = canvas.current?.getContext('2d');
        if (!context || controller.signal.aborted) return;
        const inside = insideOf(pixels);
        const picture = context.createImageData(width, height);
        paint(
          picture.data,
          inside.map((value) => 1 - value),
          AROUND,
        );
        paint(picture.data, inside, TINT);
        const line = outlineOf(inside, width, height, Math.max(1, Math.round(Math.max(width, height) / 500)));
        strokeSoft(picture.data, line, width, height, LINE);
        context.putImageData(picture, 0, 0);
        setShown(url);
      })
      .catch(() => {
        // a newer mask took its place, or the file is gone: the picture of the photograph stands on its own
      });
    return () => controller.abort();
  }, [url, width, height]);

  return (
    <canvas
      ref={canvas}
      className={`mask-overlay${dim ? ' dim' : ''}`}
      width={width}
      height={height}
      data-testid="mask-overlay"
      data-ready={shown === url ? 'true' : 'false'}
    />
  );
}
