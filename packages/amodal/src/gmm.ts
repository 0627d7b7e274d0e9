/** A mixture of full-covariance Gaussians over RGB (0..255). */
export interface ColourModel {
  /** Per component: log(weight / sqrt(det)), mean (3), inverse covariance (xx, xy, xz, yy, yz, zz): 10 numbers. */
  components: Float64Array;
}

const FIELDS = 10;
const SPLIT_SWEEPS = 6;
/** Added to every variance: sensor noise and JPEG, and it keeps flat colours from becoming infinitely sure. */
const VARIANCE_FLOOR = 12;

/** Fits `count` components to the pixels (indices into `rgb` / 3) by k-means; undefined when there are no pixels. */
export function fitColours(rgb: Float32Array, pixels: Int32Array, count: number, weights?: Float32Array): ColourModel | undefined {
  if (pixels.length === 0) return undefined;
  // a few thousand samples fix five Gaussians
  const stride = Math.max(1, Math.floor(pixels.length / 6000));
  const samples: number[] = [];
  for (let i = 0; i < pixels.length; i += stride) samples.push(pixels[i]!);
  const k = Math.min(count, samples.length);
  const centres = spreadCentres(rgb, samples, k);
  const member = new Uint8Array(samples.length);
  for (let sweep = 0; sweep < SPLIT_SWEEPS; sweep++) {
    const sums = new Float64Array(k * 4);
    samples.forEach((pixel, i) => {
      const at = pixel * 3;
      let best = 0;
      let bestDistance = Infinity;
      for (let c = 0; c < k; c++) {
        const distance =
          (rgb[at]! - centres[c * 3]!) ** 2 + (rgb[at + 1]! - centres[c * 3 + 1]!) ** 2 + (rgb[at + 2]! - centres[c * 3 + 2]!) ** 2;
        if (distance < bestDistance) {
          bestDistance = distance;
          best = c;
        }
      }
      member[i] = best;
      for (let j = 0; j < 3; j++) sums[best * 4 + j]! += rgb[at + j]!;
      sums[best * 4 + 3]!++;
    });
    for (let c = 0; c < k; c++)
      if (sums[c * 4 + 3]! > 0) for (let j = 0; j < 3; j++) centres[c * 3 + j] = sums[c * 4 + j]! / sums[c * 4 + 3]!;
  }
  return gaussians(rgb, samples, member, k, weights);
}

/** Farthest-point seeds from the mean on: deterministic, and small differently coloured parts get one. */
function spreadCentres(rgb: Float32Array, samples: number[], k: number): Float64Array {
  const centres = new Float64Array(k * 3);
  for (const pixel of samples) for (let j = 0; j < 3; j++) centres[j]! += rgb[pixel * 3 + j]! / samples.length;
  const nearest = new Float64Array(samples.length).fill(Infinity);
  for (let c = 1; c < k; c++) {
    let far = 0;
    samples.forEach((pixel, i) => {
      let distance = 0;
      for (let j = 0; j < 3; j++) distance += (rgb[pixel * 3 + j]! - centres[(c - 1) * 3 + j]!) ** 2;
      nearest[i] = Math.min(nearest[i]!, distance);
      if (nearest[i]! > nearest[far]!) far = i;
    });
    for (let j = 0; j < 3; j++) centres[c * 3 + j] = rgb[samples[far]! * 3 + j]!;
  }
  return centres;
}

function gaussians(rgb: Float32Array, samples: number[], member: Uint8Array, k: number, weights?: Float32Array): ColourModel {
  // per component: weight, sum (3), sum of products (6)
  const moments = new Float64Array(k * 10);
  let total = 0;
  samples.forEach((pixel, i) => {
    const w = weights === undefined ? 1 : weights[pixel]!;
    const at = member[i]! * 10;
    const r = rgb[pixel * 3]!;
    const g = rgb[pixel * 3 + 1]!;
    const b = rgb[pixel * 3 + 2]!;
    const terms = [1, r, g, b, r * r, r * g, r * b, g * g, g * b, b * b];
    for (let j = 0; j < 10; j++) moments[at + j]! += w * terms[j]!;
    total += w;
  });
  const list: number[] = [];
  for (let c = 0; c < k; c++) {
    const m = moments.subarray(c * 10, c * 10 + 10);
    const n = m[0]!;
    if (n <= 0) continue;
    const [x, y, z] = [m[1]! / n, m[2]! / n, m[3]! / n];
    const xx = m[4]! / n - x * x + VARIANCE_FLOOR;
    const xy = m[5]! / n - x * y;
    const xz = m[6]! / n - x * z;
    const yy = m[7]! / n - y * y + VARIANCE_FLOOR;
    const yz = m[8]! / n - y * z;
    const zz = m[9]! / n - z * z + VARIANCE_FLOOR;
    const det = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
    list.push(
      Math.log(n / total) - 0.5 * Math.log(det),
      x,
      y,
      z,
      (yy * zz - yz * yz) / det,
      (xz * yz - xy * zz) / det,
      (xy * yz - xz * yy) / det,
      (xx * zz - xz * xz) / det,
      (xy * xz - xx * yz) / det,
      (xx * yy - xy * xy) / det,
    );
  }
  return { components: Float64Array.from(list) };
}

/** Negative log-likelihood of one colour, without the constant 1.5 log(2 pi): that of its likeliest component. */
export function colourCost({ components }: ColourModel, r: number, g: number, b: number): number {
  let best = -Infinity;
  for (let at = 0; at < components.length; at += FIELDS) {
    const x = r - components[at + 1]!;
    const y = g - components[at + 2]!;
    const z = b - components[at + 3]!;
    const square =
      components[at + 4]! * x * x +
      components[at + 7]! * y * y +
      components[at + 9]! * z * z +
      2 * (components[at + 5]! * x * y + components[at + 6]! * x * z + components[at + 8]! * y * z);
    const score = components[at]! - 0.5 * square;
    if (score > best) best = score;
  }
  return -best;
}
