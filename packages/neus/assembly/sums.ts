import * as S from './state';

// Sums of a group over a step, in the order of its metrics.
let color: f64 = 0;
let mask: f64 = 0;
let eikonal: f64 = 0;
let squared: f64 = 0;
let foreground: f64 = 0;
let samples: f64 = 0;
let colored: f64 = 0;
let active: f64 = 0;

@inline
export function addColor(value: f64): void {
  color += value;
}

@inline
export function addMask(value: f64): void {
  mask += value;
}

@inline
export function addEikonal(value: f64): void {
  eikonal += value;
}

@inline
export function addSquared(value: f64): void {
  squared += value;
}

@inline
export function addForeground(value: f64): void {
  foreground += value;
}

@inline
export function addSamples(value: f64): void {
  samples += value;
}

@inline
export function addColored(value: f64): void {
  colored += value;
}

@inline
export function addActive(value: f64): void {
  active += value;
}

export function clearSums(): void {
  color = mask = eikonal = squared = foreground = samples = colored = active = 0;
}

/** Adds the sums to the metrics of a group. */
export function writeSums(group: i32): void {
  const m = S.metrics + <usize>group * 64;
  store<f64>(m, load<f64>(m) + color);
  store<f64>(m, load<f64>(m, 8) + mask, 8);
  store<f64>(m, load<f64>(m, 16) + eikonal, 16);
  store<f64>(m, load<f64>(m, 24) + squared, 24);
  store<f64>(m, load<f64>(m, 32) + foreground, 32);
  store<f64>(m, load<f64>(m, 40) + samples, 40);
  store<f64>(m, load<f64>(m, 48) + colored, 48);
  store<f64>(m, load<f64>(m, 56) + active, 56);
}
