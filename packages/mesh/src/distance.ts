/**
 * Exact Euclidean distance of every pixel centre to the nearest pixel that is 0 (Felzenszwalb and Huttenlocher 2012) [H, W];
 * pixels that are 0 get 0, and without any such pixel all get the diagonal.
 */
export function distanceToZero(pixels: Uint8Array, width: number, height: number): Float32Array {
  const far = width * width + height * height;
  const squared = new Float64Array(width * height);
  for (let i = 0; i < squared.length; i++) squared[i] = pixels[i] === 0 ? 0 : far;
  const longest = Math.max(width, height);
  const line = new Float64Array(longest);
  const vertex = new Int32Array(longest);
  const border = new Float64Array(longest + 1);
  const pass = (start: number, stride: number, length: number) => {
    for (let i = 0; i < length; i++) line[i] = squared[start + i * stride];
    let k = 0;
    vertex[0] = 0;
    border[0] = -Infinity;
    border[1] = Infinity;
    for (let q = 1; q < length; q++) {
      let s = (line[q] + q * q - line[vertex[k]] - vertex[k] * vertex[k]) / (2 * (q - vertex[k]));
      while (s <= border[k]) {
        k--;
        s = (line[q] + q * q - line[vertex[k]] - vertex[k] * vertex[k]) / (2 * (q - vertex[k]));
      }
      k++;
      vertex[k] = q;
      border[k] = s;
      border[k + 1] = Infinity;
    }
    k = 0;
    for (let q = 0; q < length; q++) {
      while (border[k + 1] < q) k++;
      squared[start + q * stride] = (q - vertex[k]) ** 2 + line[vertex[k]];
    }
  };
  for (let x = 0; x < width; x++) pass(x, width, height);
  for (let y = 0; y < height; y++) pass(y * width, 1, width);
  return Float32Array.from(squared, Math.sqrt);
}
