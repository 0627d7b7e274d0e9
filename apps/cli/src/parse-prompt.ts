import { type Box, OptionError, type Prompt } from '@gestalt3d/core';

const numbers = (text: string): number[] => text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));

/** `x,y` or `x,y,+` is on the object, `x,y,-` is not. @throws OptionError */
export function parsePoint(text: string): Prompt['points'][number] {
  const [x, y, sign = '+', ...rest] = text.split(',').map((part) => part.trim());
  const point = { x: Number(x), y: Number(y), positive: sign !== '-' };
  const valid = x && y && Number.isFinite(point.x) && Number.isFinite(point.y) && (sign === '+' || sign === '-') && rest.length === 0;
  if (!valid) throw new OptionError('--point', 'x,y or x,y,- in pixels', `"${text}"`);
  return point;
}

/** `x0,y0,x1,y1`, any two opposite corners. @throws OptionError */
export function parseBox(text: string): Box {
  const [xa, ya, xb, yb, ...rest] = numbers(text);
  const all = [xa, ya, xb, yb];
  if (rest.length > 0 || all.some((value) => value === undefined || !Number.isFinite(value)) || xa === xb || ya === yb)
    throw new OptionError('--box', 'x0,y0,x1,y1 in pixels with some area', `"${text}"`);
  return { x0: Math.min(xa!, xb!), y0: Math.min(ya!, yb!), x1: Math.max(xa!, xb!), y1: Math.max(ya!, yb!) };
}
