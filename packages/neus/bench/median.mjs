/** Middle value; of an even count the upper one. */
export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/**
 * Runs every task once per round, in turn, so that a change of the machine's load meets all of them.
 * @param {Record<string, () => Promise<number> | number>} tasks each gives a figure
 * @returns {Promise<Record<string, number>>} medians
 */
export async function interleave(tasks, rounds) {
  const figures = Object.fromEntries(Object.keys(tasks).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) for (const name of Object.keys(tasks)) figures[name].push(await tasks[name]());
  return Object.fromEntries(Object.entries(figures).map(([name, values]) => [name, median(values)]));
}
