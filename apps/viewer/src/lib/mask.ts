/** Inside flags (0 / 1) of an RGBA picture of a mask: its alpha where it has any, otherwise its brightness. */
export function insideOf(rgba: ArrayLike<number>): Uint8Array {
  const count = rgba.length / 4;
  let opaque = true;
  for (let i = 3; i < rgba.length && opaque; i += 4) opaque = rgba[i] === 255;
  const inside = new Uint8Array(count);
  for (let i = 0; i < count; i++) inside[i] = (opaque ? rgba[i * 4]! : rgba[i * 4 + 3]!) > 127 ? 1 : 0;
  return inside;
}

/** Pixels of the set that have a pixel outside it, or the picture's edge, within `radius`. */
export function outlineOf(inside: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  const eroded = erode(inside, width, height, radius);
  const outline = new Uint8Array(inside.length);
  for (let i = 0; i < inside.length; i++) outline[i] = inside[i]! & (1 - eroded[i]!);
  return outline;
}

/** Square erosion in two passes. */
function erode(inside: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  const rows = new Uint8Array(inside.length);
  const out = new Uint8Array(inside.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let keep = x >= radius && x < width - radius ? 1 : 0;
      for (let d = -radius; d <= radius && keep; d++) keep = inside[y * width + x + d]!;
      rows[y * width + x] = keep;
    }
  for (let y = radius; y < height - radius; y++)
    for (let x = 0; x < width; x++) {
      let keep = 1;
      for (let d = -radius; d <= radius && keep; d++) keep = rows[(y + d) * width + x]!;
      out[y * width + x] = keep;
    }
  return out;
}

export type Rgba = readonly [number, number, number, number];

/** Paints `color` where `where` is 1. */
export function paint(pixels: Uint8ClampedArray, where: Uint8Array, color: Rgba): void {
  for (let i = 0; i < where.length; i++) if (where[i]) pixels.set(color, i * 4);
}

/** Lays `color` over the pixels around `line` with soft edges, so that a diagonal shows no stairs. */
export function strokeSoft(pixels: Uint8ClampedArray, line: Uint8Array, width: number, height: number, color: Rgba): void {
  const cover = new Uint8Array(line.length);
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      if (!line[at]) continue;
      // 3 x 3 binomial kernel, in sixteenths
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) cover[at + dy * width + dx]! += (2 - Math.abs(dx)) * (2 - Math.abs(dy));
    }
  for (let i = 0; i < cover.length; i++) {
    if (!cover[i]) continue;
    const top = ((cover[i]! / 16) * color[3]) / 255;
    const below = (pixels[i * 4 + 3]! / 255) * (1 - top);
    const alpha = top + below;
    for (let c = 0; c < 3; c++) pixels[i * 4 + c] = (color[c]! * top + pixels[i * 4 + c]! * below) / alpha;
    pixels[i * 4 + 3] = alpha * 255;
  }
}

/** Share of the whole object that the photograph does not show; 0 for an empty object. */
export function hiddenShare(whole: Uint8Array, visible: Uint8Array): number {
  let area = 0;
  let hidden = 0;
  for (let i = 0; i < whole.length; i++) {
    area += whole[i]!;
    hidden += whole[i]! & (1 - visible[i]!);
  }
  return area === 0 ? 0 : hidden / area;
}
