import type { Box } from '@gestalt3d/core';

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

/** Place on the screen -> photograph pixels, kept inside the photograph. */
export function toPhoto(client: Point, frame: { left: number; top: number } & Size, photo: Size): Point {
  const x = ((client.x - frame.left) / frame.width) * photo.width;
  const y = ((client.y - frame.top) / frame.height) * photo.height;
  return { x: clamp(x, 0.5, photo.width - 0.5), y: clamp(y, 0.5, photo.height - 0.5) };
}

/** Box between two corners in any order, in whole pixels, at least one pixel each way. */
export function boxBetween(a: Point, b: Point, photo: Size): Box {
  const x0 = clamp(Math.floor(Math.min(a.x, b.x)), 0, photo.width - 1);
  const y0 = clamp(Math.floor(Math.min(a.y, b.y)), 0, photo.height - 1);
  return {
    x0,
    y0,
    x1: clamp(Math.ceil(Math.max(a.x, b.x)), x0 + 1, photo.width),
    y1: clamp(Math.ceil(Math.max(a.y, b.y)), y0 + 1, photo.height),
  };
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Largest size of the photograph's shape within `limit` pixels. */
export function fitWithin(photo: Size, limit: number): Size {
  const scale = Math.min(1, limit / Math.max(photo.width, photo.height));
  return { width: Math.max(1, Math.round(photo.width * scale)), height: Math.max(1, Math.round(photo.height * scale)) };
}
