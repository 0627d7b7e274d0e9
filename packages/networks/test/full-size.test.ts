import { readFileSync } from 'node:fs';
import {
  CLIP_VIT_L14_IMAGE,
  CLIP_VIT_L14_TEXT,
  clipImageGraph,
  clipTextGraph,
  frustumVolumeGraph,
  guidedUnetGraph,
  PIX2GESTALT_UNET,
  SAM_DECODER,
  SAM_VIT_B,
  SAM_VIT_H,
  SAM_VIT_L,
  SD1_VAE,
  SYNCDREAMER_UNET,
  SYNCDREAMER_VOLUMES,
  samDecoderGraph,
  samImageGraph,
  spatialVolumeGraph,
  unetGraph,
  vaeDecoderGraph,
  vaeEncoderGraph,
} from '@gestalt3d/networks';
import { encodeGraph, type GraphBuilder, type WeightSource } from '@gestalt3d/onnx';
import { expect, it } from 'vitest';
import { parseInventory, seededWeights } from './seeded.ts';

/** Names and shapes of the state dictionaries of the original, full-size networks; see fixtures/make.py. */
const inventories = JSON.parse(readFileSync(new URL('fixtures/inventories.fixture', import.meta.url), 'utf8')) as Record<string, string>;
const elements = (tensors: Iterable<number[]>): number => [...tensors].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);

/** With a context of one token these do not reach the output. */
const isFoldedAway = (key: string): boolean => /\.(attn2\.to_[qk]|norm2)\.(weight|bias)$/.test(key);

type Make = (weights: WeightSource) => GraphBuilder;
const cases: [string, Make[], { tensors: number; elements: number; unused?: (key: string) => boolean }][] = [
  [
    'pix2gestalt-unet',
    [(weights) => unetGraph({ weights }, PIX2GESTALT_UNET, { latentSize: 32 })],
    { tensors: 686, elements: 859_544_004, unused: isFoldedAway },
  ],
  [
    'syncdreamer-unet',
    [(weights) => guidedUnetGraph({ weights }, SYNCDREAMER_UNET, { latentSize: 32, frustumDepth: 48 })],
    { tensors: 856, elements: 916_853_956, unused: isFoldedAway },
  ],
  [
    'syncdreamer-rest',
    [(weights) => spatialVolumeGraph({ weights }, SYNCDREAMER_VOLUMES), (weights) => frustumVolumeGraph({ weights }, SYNCDREAMER_VOLUMES)],
    { tensors: 202, elements: 29_632 + 29_254_208 + 19_283_712 + 131_584 + 593_664, unused: (key) => key.startsWith('cc_projection') },
  ],
  [
    'vae',
    [(weights) => vaeEncoderGraph({ weights }, SD1_VAE, 256), (weights) => vaeDecoderGraph({ weights }, SD1_VAE, 32)],
    { tensors: 248, elements: 83_653_863 },
  ],
  [
    'clip-vit-l-14',
    [(weights) => clipImageGraph({ weights }, CLIP_VIT_L14_IMAGE), (weights) => clipTextGraph({ weights }, CLIP_VIT_L14_TEXT)],
    { tensors: 446, elements: 427_616_513, unused: (key) => key === 'logit_scale' },
  ],
  ...(
    [
      ['b', SAM_VIT_B, 314, 93_735_728],
      ['l', SAM_VIT_L, 482, 312_343_088],
      ['h', SAM_VIT_H, 594, 641_090_864],
    ] as const
  ).map(([size, config, tensors, count]): (typeof cases)[number] => [
    `sam-vit-${size}`,
    [(weights) => samImageGraph({ weights }, config), (weights) => samDecoderGraph({ weights }, SAM_DECODER)],
    { tensors, elements: count },
  ]),
];

it.each(cases)('%s of full size takes every tensor of the original, in its shape', (name, makes, expected) => {
  const inventory = parseInventory(inventories[name]!);
  expect(inventory.size).toBe(expected.tensors);
  expect(elements(inventory.values())).toBe(expected.elements);
  const used = new Set<string>();
  for (const make of makes) {
    const weights = seededWeights(inventory);
    const { external } = encodeGraph(make(weights), name);
    for (const { weight } of external.flatMap((file) => file.weights)) used.add(weight.key);
    for (const file of external) expect(file.bytes).toBeLessThanOrEqual(2 ** 30);
  }
  const left = [...inventory.keys()].filter((key) => !used.has(key));
  expect(left.filter((key) => !expected.unused?.(key))).toEqual([]);
  for (const key of inventory.keys()) if (expected.unused?.(key)) expect(used.has(key), key).toBe(false);
});
