/**
 * Gives pixels outside the object the colours of those inside nearest to them, in place: lossy compression shares colours among
 * neighbours and would draw a dark seam around the object. Pulls means down a pyramid and pushes them up again.
 * @param rgba [side, side, 4] straight; alpha stays
 */
export function spreadColours(rgba: Uint8Array, side: number): Uint8Array {
  const levels: { side: number; sums: Float32Array }[] = [];
  const base = new Float32Array(side * side * 4);
  for (let i = 0; i < side * side; i++) {
    const weight = rgba[i * 4 + 3]! > 0 ? 1 : 0;
    for (let c = 0; c < 3; c++) base[i * 4 + c] = weight * rgba[i * 4 + c]!;
    base[i * 4 + 3] = weight;
  }
  levels.push({ side, sums: base });
  while (levels.at(-1)!.side > 1 && levels.at(-1)!.side % 2 === 0) {
    const fine = levels.at(-1)!;
    const half = fine.side / 2;
    const sums = new Float32Array(half * half * 4);
    for (let y = 0; y < fine.side; y++)
      for (let x = 0; x < fine.side; x++)
        for (let c = 0; c < 4; c++) sums[((y >> 1) * half + (x >> 1)) * 4 + c]! += fine.sums[(y * fine.side + x) * 4 + c]!;
    levels.push({ side: half, sums });
  }
  for (let level = levels.length - 2; level >= 0; level--) {
    const [fine, coarse] = [levels[level]!, levels[level + 1]!];
    for (let y = 0; y < fine.side; y++)
      for (let x = 0; x < fine.side; x++) {
        const to = (y * fine.side + x) * 4;
        const from = ((y >> 1) * coarse.side + (x >> 1)) * 4;
        if (fine.sums[to + 3]! > 0 || coarse.sums[from + 3]! === 0) continue;
        for (let c = 0; c < 3; c++) fine.sums[to + c] = coarse.sums[from + c]! / coarse.sums[from + 3]!;
        fine.sums[to + 3] = 1;
      }
  }
  for (let i = 0; i < side * side; i++) {
    if (rgba[i * 4 + 3]! > 0 || base[i * 4 + 3]! === 0) continue;
    for (let c = 0; c < 3; c++) rgba[i * 4 + c] = Math.round(base[i * 4 + c]! / base[i * 4 + 3]!);
  }
  return rgba;
}
