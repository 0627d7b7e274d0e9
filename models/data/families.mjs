/** Names of the procedural families, and how often each is drawn. Kept apart from procedural.js, which needs three.js. */
export const families = ['composition', 'mug', 'bottle', 'vase', 'bowl', 'lamp', 'table', 'chair', 'teapot', 'toy', 'fruit', 'boxes'];
