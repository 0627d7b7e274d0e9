import { type Kernel, type KernelFeature, read, write } from '@gestalt3d/gpu';
import { backwardWgsl } from './backward.wgsl.ts';
import { lossWgsl, rowsWgsl, sampleSdfWgsl, shadeWgsl, walkWgsl } from './composite.wgsl.ts';
import { colorAtWgsl, sdfAtWgsl, sdfGridWgsl } from './evaluate.wgsl.ts';
import { type Half, NATIVE_HALF } from './half.wgsl.ts';
import { EIKONAL_POINTS, type KernelLayout } from './layout.ts';
import { occupancyWgsl } from './occupancy.wgsl.ts';
import { emitWgsl, offsetsWgsl, raysWgsl } from './rays.wgsl.ts';
import { adamWgsl, finishWgsl } from './update.wgsl.ts';

/** The kernels of a training step in the order they run. */
export const TRAINING_KERNELS = {
  occupancy: {
    name: 'neus/occupancy',
    bindings: { hull: read('u32'), mlp: read('vec4f'), table: read('vec2f'), occupancy: write('u32') },
    uniforms: { levelCount: 'u32', threshold: 'f32' },
    source: occupancyWgsl,
  },
  rays: {
    name: 'neus/rays',
    bindings: {
      cameras: read('vec4f'),
      viewStart: read('u32'),
      pixels: read('u32'),
      lists: read('u32'),
      occupancy: read('u32'),
      rays: write('vec4f'),
      marks: write('u32'),
      counts: write('u32'),
    },
    uniforms: { stepKey: 'u32', foregroundCount: 'u32', backgroundCount: 'u32', viewCount: 'u32', foregroundShare: 'f32' },
    source: raysWgsl,
  },
  offsets: {
    name: 'neus/offsets',
    bindings: { counts: read('u32'), offsets: write('u32'), args: write('u32') },
    source: ({ rays }) => offsetsWgsl({ count: rays, first: EIKONAL_POINTS * rays }),
  },
  emit: {
    name: 'neus/emit',
    bindings: { rays: read('vec4f'), marks: read('u32'), offsets: read('u32'), points: write('vec4f') },
    uniforms: { stepKey: 'u32' },
    source: emitWgsl,
  },
  sampleSdf: {
    name: 'neus/sample-sdf',
    bindings: { points: read('vec4f'), args: read('u32'), mlp: read('vec4f'), table: read('vec2f'), sdf: write('f32') },
    uniforms: { levelCount: 'u32' },
    source: sampleSdfWgsl,
  },
  walk: {
    name: 'neus/walk',
    bindings: {
      offsets: read('u32'),
      sdf: read('f32'),
      occupancy: read('u32'),
      hullCells: read('u32'),
      points: write('vec4f'),
      segments: write('vec4f'),
      walked: write('u32'),
    },
    uniforms: { stepKey: 'u32', sharpness: 'f32', tap: 'f32', hullCellCount: 'u32' },
    source: walkWgsl,
  },
  rowOffsets: {
    name: 'neus/row-offsets',
    bindings: { counts: read('u32'), offsets: write('u32'), args: write('u32') },
    source: ({ rays }) => offsetsWgsl({ count: 2 * rays, first: 0 }),
  },
  rows: {
    name: 'neus/rows',
    bindings: {
      offsets: read('u32'),
      walked: read('u32'),
      points: read('vec4f'),
      segments: read('vec4f'),
      rowOffsets: read('u32'),
      rows: write('u32'),
    },
    source: rowsWgsl,
  },
  shade: {
    name: 'neus/shade',
    bindings: {
      points: read('vec4f'),
      rows: read('u32'),
      rowOffsets: read('u32'),
      mlp: read('vec4f'),
      table: read('vec2f'),
      sdf: write('f32'),
      shade: write('vec4f'),
    },
    uniforms: { levelCount: 'u32' },
    source: shadeWgsl,
  },
  loss: {
    name: 'neus/loss',
    bindings: {
      rays: read('vec4f'),
      offsets: read('u32'),
      walked: read('u32'),
      points: read('vec4f'),
      sdf: read('f32'),
      segments: read('vec4f'),
      shade: write('vec4f'),
      stats: write('vec4f'),
    },
    uniforms: {
      sharpness: 'f32',
      tap: 'f32',
      colorWeight: 'f32',
      maskWeight: 'f32',
      eikonalWeight: 'f32',
      curvatureWeight: 'f32',
    },
    source: lossWgsl,
  },
  backward: {
    name: 'neus/backward',
    bindings: {
      points: read('vec4f'),
      rows: read('u32'),
      rowOffsets: read('u32'),
      mlp: read('vec4f'),
      table: read('vec2f'),
      shade: read('vec4f'),
      scales: read('f32'),
      gradients: write('atomic<i32>'),
    },
    uniforms: { levelCount: 'u32' },
    source: (layout: KernelLayout) => backwardWgsl(layout, { subgroups: false }),
  },
  adam: {
    name: 'neus/adam',
    bindings: {
      parameters: write('f32'),
      moments: write('vec2f'),
      gradients: write('i32'),
      scales: read('f32'),
      peaks: write('atomic<u32>'),
    },
    uniforms: { count: 'u32', measure: 'u32', rate: 'f32', rateNetworks: 'f32', correction1: 'f32', correction2: 'f32' },
    source: adamWgsl,
  },
  finish: {
    name: 'neus/finish',
    bindings: { stats: read('vec4f'), totals: write('vec4f'), peaks: write('u32'), scales: write('f32') },
    uniforms: { measure: 'u32' },
    source: finishWgsl,
  },
} as const satisfies Record<string, Kernel<KernelLayout>>;

export type KernelName = keyof typeof TRAINING_KERNELS;

/** What a device has beyond what all guarantee. */
export interface Variant {
  subgroups: boolean;
  /** Absent: f32 only. */
  half?: Half | undefined;
}

/** The best that a device was opened for. */
export const variantOf = ({ features }: Pick<GPUDevice, 'features'>): Variant => ({
  subgroups: features.has('subgroups'),
  half: features.has('shader-f16') ? NATIVE_HALF : undefined,
});

/** The kernels of a training step, with those in the places of their namesakes that use what the device has. */
export function trainingKernels(variant: Variant): Record<KernelName, Kernel<KernelLayout>> {
  const { subgroups, half } = variant;
  if (!subgroups && !half) return TRAINING_KERNELS;
  const features: KernelFeature[] = [];
  if (subgroups) features.push('subgroups');
  if (half === NATIVE_HALF) features.push('shader-f16');
  const backward = {
    ...TRAINING_KERNELS.backward,
    name: `neus/backward${subgroups ? '-subgroups' : ''}${half ? '-f16' : ''}`,
    features,
    source: (layout: KernelLayout) => backwardWgsl(layout, variant),
  };
  return { ...TRAINING_KERNELS, backward };
}

const FIELD = { mlp: read('vec4f'), table: read('vec2f') };

/** The kernels that evaluate a fitted field. */
export const FIELD_KERNELS = {
  sdf: {
    name: 'neus/sdf',
    bindings: { points: read('f32'), ...FIELD, result: write('f32') },
    uniforms: { count: 'u32' },
    source: sdfAtWgsl,
  },
  color: {
    name: 'neus/color',
    bindings: { points: read('f32'), ...FIELD, result: write('f32') },
    uniforms: { count: 'u32' },
    source: colorAtWgsl,
  },
  sdfGrid: {
    name: 'neus/sdf-grid',
    bindings: { ...FIELD, result: write('f32') },
    uniforms: { count: 'u32', first: 'u32', width: 'u32', height: 'u32', origin: 'vec4f' },
    source: sdfGridWgsl,
  },
} as const satisfies Record<string, Kernel<Pick<KernelLayout, 'levels'>>>;
