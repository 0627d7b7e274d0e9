/** Seeded random numbers; the same seed gives the same stream on every machine. */
export interface Rng {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Fills with standard normals; returns its argument. */
  fillNormal(target: Float32Array): Float32Array;
  /** An independent stream that depends on this stream's seed and the label only, not on what was drawn. */
  fork(label: string | number): Rng;
}

/** splitmix32 finaliser: spreads every input bit over the output. */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** @param seed any integer; only its low 32 bits count. Generator: xoshiro128** (Blackman and Vigna 2018). */
export function createRng(seed: number): Rng {
  const root = seed >>> 0;
  let s0 = mix(root + 0x9e3779b9);
  let s1 = mix(s0 + 0x9e3779b9);
  let s2 = mix(s1 + 0x9e3779b9);
  let s3 = mix(s2 + 0x9e3779b9) | 1;
  let spare: number | undefined;

  const next = (): number => {
    const product = Math.imul(s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 11) | (s3 >>> 21);
    return result;
  };

  const rng: Rng = {
    uniform: () => next() / 4294967296,
    normal: () => {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      // Box-Muller; 1 - u keeps the logarithm finite
      const radius = Math.sqrt(-2 * Math.log(1 - rng.uniform()));
      const angle = 2 * Math.PI * rng.uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    integer: (bound) => Math.floor(rng.uniform() * bound),
    fillNormal: (target) => {
      for (let i = 0; i < target.length; i++) target[i] = rng.normal();
      return target;
    },
    fork: (label) => {
      let hash = mix(root ^ 0x5bf03635);
      for (const char of String(label)) hash = mix(hash ^ char.codePointAt(0)!);
      return createRng(hash);
    },
  };
  return rng;
}
