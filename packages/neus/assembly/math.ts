/** exp in f32: range reduction to +-ln 2 / 2 and a polynomial of degree 6; relative error below 2e-7. */
@inline
export function exp(x: f32): f32 {
  x = min<f32>(max<f32>(x, -87.0), 88.0);
  const n = nearest<f32>(x * 1.4426950408889634);
  const r = x - n * 0.693145751953125 - n * 1.428606765330187e-6;
  let p: f32 = 1.0 / 720.0;
  p = p * r + <f32>(1.0 / 120.0);
  p = p * r + <f32>(1.0 / 24.0);
  p = p * r + <f32>(1.0 / 6.0);
  p = p * r + <f32>0.5;
  p = p * r + <f32>1.0;
  p = p * r + <f32>1.0;
  return p * reinterpret<f32>((<i32>n + 127) << 23);
}

/** ln for the reported mask loss: exponent plus an atanh series. */
export function log(x: f32): f32 {
  const bits = reinterpret<i32>(x);
  let e = (bits >> 23) - 127;
  let m = reinterpret<f32>((bits & 0x007fffff) | 0x3f800000);
  if (m > 1.41421356) {
    m *= 0.5;
    e += 1;
  }
  const t = (m - 1) / (m + 1);
  const t2 = t * t;
  return <f32>e * 0.69314718 + 2 * t * (1 + t2 * (<f32>(1.0 / 3.0) + t2 * (<f32>(1.0 / 5.0) + t2 * <f32>(1.0 / 7.0))));
}

/** splitmix32 finaliser, as mix() in src/rays.ts. */
@inline
export function mix(x: u32): u32 {
  x = (x ^ (x >> 16)) * 0x21f0aaad;
  x = (x ^ (x >> 15)) * 0x735a2d97;
  return x ^ (x >> 15);
}

@inline
export function rayKey(seed: u32, step: i32, ray: i32): u32 {
  return mix(mix(seed + <u32>step * 0x9e3779b9) + <u32>ray * 0x85ebca6b);
}

@inline
export function uniform(key: u32, dimension: i32): f32 {
  return <f32>(mix(key + <u32>dimension * 0xc2b2ae35) >> 8) * <f32>(1.0 / 16777216.0);
}
