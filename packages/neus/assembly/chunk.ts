// The chunk of samples that a thread works on: its rows, what they are counted by, and how they are addressed.

/** Bytes of an input row. */
export const ROW: usize = 80;
export const ONE: f32 = 1;
export const HALF: f32 = 0.5;

/** Samples in the chunk, with the eikonal points. */
export let sampleCount: i32 = 0;
/** Of which the colour is asked for. */
export let colorCount: i32 = 0;

@inline
export function setSampleCount(count: i32): void {
  sampleCount = count;
}

@inline
export function setColorCount(count: i32): void {
  colorCount = count;
}

@inline
export function at4(base: usize, i: i32): usize {
  return base + (<usize>i << 2);
}
