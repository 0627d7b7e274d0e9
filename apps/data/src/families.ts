/** Names of the procedural families. The page's makers must have one for each. */
export const FAMILIES = [
  'composition',
  'mug',
  'bottle',
  'vase',
  'bowl',
  'lamp',
  'table',
  'chair',
  'teapot',
  'toy',
  'fruit',
  'boxes',
  'compound',
] as const;

export type Family = (typeof FAMILIES)[number];
