/** One piece of furniture of a Sweet Home 3D catalogue: the properties of its number, with the number cut off. */
export type CatalogueEntry = Readonly<Record<string, string>>;

/**
 * Reads a Java properties catalogue: lines `key#n=value`, with `\uXXXX` and `\x` escapes.
 * @returns entries in the order of their first line
 */
export function parseCatalogue(text: string): CatalogueEntry[] {
  const entries = new Map<number, Record<string, string>>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^([A-Za-z]+)#(\d+)=(.*)$/.exec(line.trim());
    if (!match) continue;
    const index = Number(match[2]);
    if (!entries.has(index)) entries.set(index, {});
    entries.get(index)![match[1]!] = match[3]!
      .replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/\\(.)/g, '$1');
  }
  return [...entries.values()];
}

/** The entry's 3 x 3 rotation, row-major; undefined where it has none. */
export function rotationOf(entry: CatalogueEntry): number[] | undefined {
  const numbers = entry.modelRotation?.trim().split(/\s+/).map(Number);
  return numbers?.length === 9 && numbers.every(Number.isFinite) ? numbers : undefined;
}

/** Why an entry is not an object to be learnt or measured; undefined for those that are. */
export function unsuitable(entry: CatalogueEntry): string | undefined {
  if (!entry.model || !/\.obj$/i.test(entry.model)) return 'no OBJ model';
  const text = `${entry.name} ${entry.category} ${entry.model}`;
  if (entry.doorOrWindow === 'true' || /doors? |window/i.test(text)) return 'door or window';
  if (entry.staircaseCutOutShape || /stair/i.test(text)) return 'staircase';
  return undefined;
}
