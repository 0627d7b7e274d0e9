import { breathe } from '@gestalt3d/core';

/** Long work that stops for a moment after every few milliseconds of it, so that its caller may do something else between. */
export type Work<T> = Generator<void, T, void>;

/** Time between two looks at the abort signal. */
const BREATH_MS = 20;

/** A function to await between pieces of work: it lets events and aborts through when it is time again. It throws the signal's reason. */
export function breather(signal: AbortSignal): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < BREATH_MS) return undefined;
    return breathe(signal).then(() => {
      since = performance.now();
    });
  };
}

/** Does the work, letting events and aborts through between its pieces. @throws the signal's reason */
export async function finishWork<T>(work: Work<T>, signal: AbortSignal): Promise<T> {
  const pause = breather(signal);
  for (;;) {
    const piece = work.next();
    if (piece.done) return piece.value;
    await pause();
  }
}

/** Does the work at once. */
export function finishWorkNow<T>(work: Work<T>): T {
  for (;;) {
    const piece = work.next();
    if (piece.done) return piece.value;
  }
}
