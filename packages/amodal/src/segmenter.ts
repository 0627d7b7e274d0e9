import { boundingBox, components, type Prompt, type RgbImage, resample } from '@gestalt3d/core';
import { float32, type InferenceBackend, type ModelBundle, type Session } from '@gestalt3d/onnx';
import { type Frame, maskOf } from './frame.ts';

/** What the network believes about the object that is meant. */
export interface Evidence {
  /** Box of the object in the picture's pixels. */
  box: { x0: number; y0: number; x1: number; y1: number };
  /** Logits for the pixels of any frame, limited to what a small network may claim. */
  logitsOn(frame: Frame): Float32Array;
}

/** The promptable network: image [B,3,S,S] in [-1,1], prompt [B,3,S,S] (positive clicks, negative clicks, box) -> logits [B,1,S,S]. */
export interface Segmenter {
  look(image: RgbImage, prompt: Prompt, signal: AbortSignal): Promise<Evidence>;
  dispose(): Promise<void>;
}

/** Share of the coarse mask's box that the second look adds on every side. */
const MARGIN = 0.35;
/** Log-odds beyond this are not believed. */
const LIMIT = 4;
/** Radius in network pixels of the disc that stands for a click. */
const CLICK_RADIUS = 2;

export async function openSegmenter(bundle: ModelBundle, backend: InferenceBackend): Promise<Segmenter> {
  const role = Object.keys(bundle.manifest.graphs)[0]!;
  const size = Number(bundle.graph(role).inputs[0]!.dims[2]);
  const session: Session = await bundle.open(role, backend);

  /** Looks at a square of the picture. @returns logits [S, S] */
  async function run(image: RgbImage, square: Frame, prompt: Prompt, signal: AbortSignal): Promise<Float32Array> {
    const side = square.scale * size;
    const picture = resample(image, size, size, { x: square.x, y: square.y, width: side, height: side }, 127.5);
    const plane = size * size;
    const pixels = new Float32Array(3 * plane);
    for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) pixels[c * plane + i] = picture.data[i * 3 + c]! / 127.5 - 1;
    return session.runSingle(
      { image: float32(pixels, [1, 3, size, size]), prompt: float32(drawPrompt(prompt, square, size), [1, 3, size, size]) },
      signal,
    );
  }

  return {
    async look(image, prompt, signal) {
      const whole = squareFrame({ x0: 0, y0: 0, x1: image.width, y1: image.height }, 0, size);
      const coarse = await run(image, whole, prompt, signal);
      const square = squareFrame(extent(coarse, whole, prompt, size), MARGIN, size);
      const closer = square.scale < 0.8 * whole.scale;
      const fine = closer ? await run(image, square, prompt, signal) : coarse;
      return {
        box: extent(fine, closer ? square : whole, prompt, size),
        logitsOn(frame) {
          const logits = resampleLogits(coarse, whole, frame, size);
          if (closer) overwriteInside(logits, resampleLogits(fine, square, frame, size), frame, square, size);
          return logits;
        },
      };
    },
    dispose: () => session.dispose(),
  };
}

function squareFrame(box: { x0: number; y0: number; x1: number; y1: number }, margin: number, size: number): Frame {
  const side = Math.max(box.x1 - box.x0, box.y1 - box.y0) * (1 + 2 * margin);
  return { x: (box.x0 + box.x1 - side) / 2, y: (box.y0 + box.y1 - side) / 2, scale: side / size, width: size, height: size };
}

/** [3, S, S]: discs at positive clicks, discs at negative clicks, the filled box. */
function drawPrompt(prompt: Prompt, frame: Frame, size: number): Float32Array {
  const planes = new Float32Array(3 * size * size);
  for (const point of prompt.points) {
    const cx = (point.x - frame.x) / frame.scale;
    const cy = (point.y - frame.y) / frame.scale;
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++)
        if ((x + 0.5 - cx) ** 2 + (y + 0.5 - cy) ** 2 <= CLICK_RADIUS ** 2)
          planes[(point.positive ? 0 : 1) * size * size + y * size + x] = 1;
  }
  if (prompt.box !== undefined) {
    const { x0, y0, x1, y1 } = prompt.box;
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const px = frame.x + (x + 0.5) * frame.scale;
        const py = frame.y + (y + 0.5) * frame.scale;
        if (px >= x0 && px <= x1 && py >= y0 && py <= y1) planes[2 * size * size + y * size + x] = 1;
      }
  }
  return planes;
}

/** Box, in picture pixels, of the coarse mask's part that the prompt touches, together with the prompt itself. */
function extent(logits: Float32Array, frame: Frame, prompt: Prompt, size: number): { x0: number; y0: number; x1: number; y1: number } {
  if (prompt.box !== undefined) return prompt.box;
  const inside = new Uint8Array(size * size);
  for (let i = 0; i < inside.length; i++) inside[i] = logits[i]! > 0 ? 1 : 0;
  const { labels } = components(inside, size, size);
  const points = prompt.points.filter((point) => point.positive);
  const wanted = new Set<number>();
  for (const point of points) {
    const cx = Math.floor((point.x - frame.x) / frame.scale);
    const cy = Math.floor((point.y - frame.y) / frame.scale);
    for (let y = Math.max(0, cy - 3); y <= Math.min(size - 1, cy + 3); y++)
      for (let x = Math.max(0, cx - 3); x <= Math.min(size - 1, cx + 3); x++) wanted.add(labels[y * size + x]!);
  }
  wanted.delete(0);
  const found = boundingBox(
    maskOf(
      Float32Array.from(labels, (label) => (wanted.has(label) ? 1 : 0)),
      size,
      size,
    ),
  );
  const least = 6 * frame.scale;
  const boxes = points.map((p) => ({ x0: p.x - least, y0: p.y - least, x1: p.x + least, y1: p.y + least }));
  if (found !== undefined)
    boxes.push({
      x0: frame.x + found.x0 * frame.scale,
      y0: frame.y + found.y0 * frame.scale,
      x1: frame.x + found.x1 * frame.scale,
      y1: frame.y + found.y1 * frame.scale,
    });
  return {
    x0: Math.min(...boxes.map((b) => b.x0)),
    y0: Math.min(...boxes.map((b) => b.y0)),
    x1: Math.max(...boxes.map((b) => b.x1)),
    y1: Math.max(...boxes.map((b) => b.y1)),
  };
}

/** Bilinear, for the pixels of another frame. */
function resampleLogits(logits: Float32Array, from: Frame, to: Frame, size: number): Float32Array {
  const out = new Float32Array(to.width * to.height);
  const clamp = (value: number) => Math.min(Math.max(value, 0), size - 1.001);
  for (let y = 0; y < to.height; y++) {
    const v = clamp((to.y + (y + 0.5) * to.scale - from.y) / from.scale - 0.5);
    const j = Math.floor(v);
    for (let x = 0; x < to.width; x++) {
      const u = clamp((to.x + (x + 0.5) * to.scale - from.x) / from.scale - 0.5);
      const i = Math.floor(u);
      const at = j * size + i;
      const top = logits[at]! * (i + 1 - u) + logits[at + 1]! * (u - i);
      const bottom = logits[at + size]! * (i + 1 - u) + logits[at + size + 1]! * (u - i);
      out[y * to.width + x] = Math.max(-LIMIT, Math.min(LIMIT, top * (j + 1 - v) + bottom * (v - j)));
    }
  }
  return out;
}

/** Takes the closer look's logits for the pixels of `frame` that it saw. */
function overwriteInside(logits: Float32Array, fine: Float32Array, frame: Frame, square: Frame, size: number): void {
  for (let y = 0; y < frame.height; y++)
    for (let x = 0; x < frame.width; x++) {
      const u = (frame.x + (x + 0.5) * frame.scale - square.x) / square.scale;
      const v = (frame.y + (y + 0.5) * frame.scale - square.y) / square.scale;
      if (u >= 0 && v >= 0 && u <= size && v <= size) logits[y * frame.width + x] = fine[y * frame.width + x]!;
    }
}
