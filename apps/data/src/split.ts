import { createHash } from 'node:crypto';
import type { Split } from './job.ts';

/**
 * 90 % train, 4 % validation, 6 % test by a hash of the object's id, so that adding objects never moves one.
 * Frozen: shipped models were trained by it.
 */
export function splitOf(id: string): Split {
  const bucket = createHash('sha256').update(id).digest().readUInt32BE(0) % 100;
  return bucket < 90 ? 'train' : bucket < 94 ? 'val' : 'test';
}

/** The same for emoji, by name: 88, 5 and 7 %, so that skin tones of one thing stay together. Frozen as well. */
export function emojiSplitOf(name: string): Split {
  // the whole digest modulo 100, as the first training did it
  const bucket = Number(BigInt(`0x${createHash('sha1').update(name).digest('hex')}`) % 100n);
  return bucket < 88 ? 'train' : bucket < 93 ? 'val' : 'test';
}
