/**
 * Colours for texels that no triangle covers: a few rings of the mean of filled neighbours, so that bilinear sampling at a chart's border
 * stays inside its colours, then pull-push (Gortler 1996) for the rest, so that no level of a mip pyramid turns dark. Changes `rgb` [S, S, 3].
 */
export function fillGutters(rgb: Float32Array, covered: Uint8Array, size: number, rings = 4): void {
  const state = covered.slice();
  let frontier: number[] = [];
  const open = (at: number) => state[at] === 0;
  const neighbours = (at: number, visit: (other: number) => void) => {
    const x = at % size;
    const y = (at - x) / size;
    for (let j = Math.max(0, y - 1); j <= Math.min(size - 1, y + 1); j++)
      for (let i = Math.max(0, x - 1); i <= Math.min(size - 1, x + 1); i++) if (i !== x || j !== y) visit(j * size + i);
  };
  const queued = new Uint8Array(size * size);
  const enqueue = (at: number, list: number[]) =>
    neighbours(at, (other) => {
      if (open(other) && !queued[other]) {
        queued[other] = 1;
        list.push(other);
      }
    });
  for (let at = 0; at < state.length; at++) if (state[at]) enqueue(at, frontier);
  for (let ring = 0; ring < rings && frontier.length > 0; ring++) {
    for (const at of frontier) {
      let count = 0;
      let r = 0;
      let g = 0;
      let b = 0;
      neighbours(at, (other) => {
        if (state[other] === 0) return;
        count++;
        r += rgb[other * 3];
        g += rgb[other * 3 + 1];
        b += rgb[other * 3 + 2];
      });
      rgb[at * 3] = r / count;
      rgb[at * 3 + 1] = g / count;
      rgb[at * 3 + 2] = b / count;
    }
    for (const at of frontier) state[at] = 1;
    const next: number[] = [];
    for (const at of frontier) enqueue(at, next);
    frontier = next;
  }
  pullPush(rgb, state, size);
}

function pullPush(rgb: Float32Array, state: Uint8Array, size: number): void {
  if (size < 2) return;
  const half = (size + 1) >> 1;
  const coarse = new Float32Array(half * half * 3);
  const known = new Uint8Array(half * half);
  let missing = 0;
  for (let y = 0; y < half; y++)
    for (let x = 0; x < half; x++) {
      let count = 0;
      const to = (y * half + x) * 3;
      for (let j = y * 2; j < Math.min(size, y * 2 + 2); j++)
        for (let i = x * 2; i < Math.min(size, x * 2 + 2); i++) {
          const at = j * size + i;
          if (!state[at]) {
            missing++;
            continue;
          }
          count++;
          for (let c = 0; c < 3; c++) coarse[to + c] += rgb[at * 3 + c];
        }
      if (count === 0) continue;
      known[y * half + x] = 1;
      for (let c = 0; c < 3; c++) coarse[to + c] /= count;
    }
  if (missing === 0 || missing === size * size) return;
  pullPush(coarse, known, half);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const at = y * size + x;
      if (state[at]) continue;
      // bilinear from the coarser level
      const u = Math.min(Math.max(x / 2 - 0.25, 0), half - 1);
      const v = Math.min(Math.max(y / 2 - 0.25, 0), half - 1);
      const x0 = Math.floor(u);
      const y0 = Math.floor(v);
      const x1 = Math.min(half - 1, x0 + 1);
      const y1 = Math.min(half - 1, y0 + 1);
      for (let c = 0; c < 3; c++) {
        const top = coarse[(y0 * half + x0) * 3 + c] * (1 - u + x0) + coarse[(y0 * half + x1) * 3 + c] * (u - x0);
        const bottom = coarse[(y1 * half + x0) * 3 + c] * (1 - u + x0) + coarse[(y1 * half + x1) * 3 + c] * (u - x0);
        rgb[at * 3 + c] = top * (1 - v + y0) + bottom * (v - y0);
      }
    }
}
