/** Waves along each axis at most: the warp changes over about a fifth of the picture. */
const WAVES = 5;
/** Random Fourier terms of each component. */
const TERMS = 12;

/**
 * A view whose picture is bent by a smooth random field of displacements, as generated views are: the camera stays, the object in the picture moves.
 * @param view { image: RGBA with straight alpha, camera }
 * @param {number} pixels root mean square length of the displacement over the picture, in its own pixels
 * @param rng draws the field; the same seed bends alike
 * @returns a new view of the same camera
 */
export function warpView(view, pixels, rng) {
  const { image, camera } = view;
  const { width, height, data } = image;
  const terms = [0, 1].map(() =>
    Array.from({ length: TERMS }, () => ({
      u: (rng.uniform() * 2 - 1) * WAVES * 2 * Math.PI,
      v: (rng.uniform() * 2 - 1) * WAVES * 2 * Math.PI,
      phase: rng.uniform() * 2 * Math.PI,
      size: rng.normal(),
    })),
  );
  const shift = terms.map((list) => {
    const field = new Float32Array(width * height);
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++)
        for (const { u, v, phase, size } of list) field[i] += size * Math.cos((u * x) / width + (v * y) / height + phase);
    return field;
  });
  let squared = 0;
  for (let i = 0; i < width * height; i++) squared += shift[0][i] ** 2 + shift[1][i] ** 2;
  const scale = pixels / Math.sqrt(squared / (width * height));
  const out = new Uint8Array(data.length);
  const at = (x, y) => (Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))) * 4;
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const sx = x + scale * shift[0][i];
      const sy = y + scale * shift[1][i];
      const [x0, y0] = [Math.floor(sx), Math.floor(sy)];
      const [fx, fy] = [sx - x0, sy - y0];
      const corners = [
        [at(x0, y0), (1 - fx) * (1 - fy)],
        [at(x0 + 1, y0), fx * (1 - fy)],
        [at(x0, y0 + 1), (1 - fx) * fy],
        [at(x0 + 1, y0 + 1), fx * fy],
      ];
      // colour weighted by alpha: what is beside the object has none
      let alpha = 0;
      for (const [from, weight] of corners) alpha += weight * data[from + 3];
      for (let c = 0; c < 3 && alpha > 0; c++) {
        let sum = 0;
        for (const [from, weight] of corners) sum += weight * data[from + 3] * data[from + c];
        out[i * 4 + c] = Math.round(sum / alpha);
      }
      out[i * 4 + 3] = Math.round(alpha);
    }
  return { camera, image: { ...image, data: out } };
}
