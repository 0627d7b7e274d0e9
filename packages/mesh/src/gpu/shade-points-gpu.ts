import { type CompiledKernel, gpuRunner, type Kernel, read, type UniformValues, write } from '@gestalt3d/gpu';
import type { PreparedSource, SourceKind } from '../bake-source.ts';
import { FADE, POINT_FLOATS, type PointShader, SHADE_FLOATS, SPREAD } from '../shade-points.ts';
import { mixWgsl, STATE_FLOATS, sampleWgsl } from './shade-points.wgsl.ts';

/** One source for all points. */
export const SAMPLE_KERNEL = {
  name: 'mesh/bake-sample',
  bindings: { points: read('f32'), image: read('u32'), margin: read('f32'), depth: read('f32'), state: write('f32') },
  uniforms: {
    rowX: 'vec4f',
    rowY: 'vec4f',
    rowZ: 'vec4f',
    eye: 'vec4f',
    gain: 'vec4f',
    offset: 'vec4f',
    count: 'u32',
    width: 'u32',
    height: 'u32',
    depthWidth: 'u32',
    depthHeight: 'u32',
    depthScale: 'f32',
    flX: 'f32',
    flY: 'f32',
    cx: 'f32',
    cy: 'f32',
    bias: 'f32',
    featherPx: 'f32',
    fadeFrom: 'f32',
    fadeTo: 'f32',
    exponent: 'f32',
  },
  source: sampleWgsl,
} as const satisfies Kernel<{ layer: SourceKind }>;

/** The layers over each other. */
export const MIX_KERNEL = {
  name: 'mesh/bake-mix',
  bindings: { points: read('f32'), state: read('f32'), shades: write('f32') },
  uniforms: { count: 'u32' },
  source: mixWgsl,
} as const satisfies Kernel<{ spread: number }>;

/** Stands for a depth buffer's infinity, which WGSL need not know. */
const FAR = 3e38;
const GROUP = 64;

/**
 * The shader of `createCpuShader` on a device: the same but for rounding to 32 bits, which decides otherwise only where a point lies within a
 * rounding of an outline or of the depth test.
 * @param exponent see BakeOptions.angleExponent
 * @throws ShaderCompileError, DeviceLostError
 */
export async function createGpuShader(device: GPUDevice, sources: readonly PreparedSource[], exponent: number): Promise<PointShader> {
  const runner = gpuRunner(device);
  const held: GPUBuffer[] = [];
  const keep = (buffer: GPUBuffer): GPUBuffer => {
    held.push(buffer);
    return buffer;
  };
  const mix = await runner.compile(MIX_KERNEL, { spread: SPREAD });
  const passes: { kernel: CompiledKernel; buffers: Record<'image' | 'margin' | 'depth', GPUBuffer>; uniforms: UniformValues }[] = [];
  for (const source of sources)
    passes.push({
      kernel: await runner.compile(SAMPLE_KERNEL, { layer: source.kind }),
      buffers: {
        image: keep(runner.upload(source.image.data, 'mesh/bake-image')),
        margin: keep(runner.upload(source.margin, 'mesh/bake-margin')),
        depth: keep(
          runner.upload(
            source.depth.map((value) => Math.min(value, FAR)),
            'mesh/bake-depth',
          ),
        ),
      },
      uniforms: uniformsOf(source, exponent),
    });
  return {
    async shade(points) {
      const count = points.length / POINT_FLOATS;
      if (count === 0) return new Float32Array(0);
      const list = runner.upload(points, 'mesh/bake-points');
      const state = runner.storage(count * STATE_FLOATS * 4, 'mesh/bake-state');
      const shades = runner.storage(count * SHADE_FLOATS * 4, 'mesh/bake-shades');
      try {
        const groups = Math.ceil(count / GROUP);
        const batch = runner.batch('mesh/bake').clear(state);
        for (const { kernel, buffers, uniforms } of passes)
          batch.dispatch(kernel, { ...buffers, points: list, state }, { ...uniforms, count }, groups);
        batch.dispatch(mix, { points: list, state, shades }, { count }, groups).submit();
        return await runner.read(shades, Float32Array, count * SHADE_FLOATS);
      } finally {
        for (const buffer of [list, state, shades]) runner.pool.release(buffer);
      }
    },
    dispose() {
      for (const buffer of held) runner.pool.release(buffer);
    },
  };
}

function uniformsOf(source: PreparedSource, exponent: number): UniformValues {
  const { matrix: m, eye, exposure, image } = source;
  const row = (r: number) => [m[r], m[4 + r], m[8 + r], m[12 + r]];
  const [fadeFrom, fadeTo] = FADE[source.kind];
  return {
    rowX: row(0),
    rowY: row(1),
    rowZ: row(2),
    eye: [...eye, 0],
    gain: [...exposure.gain, 0],
    offset: [...exposure.offset, 0],
    width: image.width,
    height: image.height,
    depthWidth: source.depthWidth,
    depthHeight: source.depthHeight,
    depthScale: source.depthScale,
    flX: source.flX,
    flY: source.flY,
    cx: source.cx,
    cy: source.cy,
    bias: source.bias,
    featherPx: source.featherPx,
    fadeFrom,
    fadeTo,
    exponent,
  };
}
