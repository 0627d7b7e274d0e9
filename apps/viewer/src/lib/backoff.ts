/** Milliseconds to wait before attempt `attempt` (0, 1, ...): doubles up to a cap, with jitter so that clients spread out. */
export function backoffDelay(attempt: number, random: () => number = Math.random, base = 500, cap = 8000): number {
  const full = Math.min(cap, base * 2 ** Math.min(attempt, 16));
  return Math.round(full * (0.75 + 0.25 * random()));
}
