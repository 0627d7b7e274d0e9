import { describe, expect, it } from 'vitest';
import { foldGroups, isSoftwareAdapter, kernelText, packUniforms, uniformLayout } from './index.ts';

describe('isSoftwareAdapter', () => {
  it.each([
    { vendor: 'google', architecture: 'swiftshader', device: 'swiftshader-device-subzero', description: 'SwiftShader driver 5.0.0' },
    { vendor: 'mesa', description: 'llvmpipe (LLVM 15.0.6, 256 bits)' },
    { description: 'Mesa lavapipe' },
    { vendor: 'microsoft', architecture: 'warp', description: 'Microsoft Basic Render Driver' },
    { vendor: 'unknown', adapterType: 'CPU' },
    { vendor: 'intel', isFallbackAdapter: true },
  ])('takes $vendor $architecture $description for software', (info) => {
    expect(isSoftwareAdapter(info)).toBe(true);
  });

  it.each([
    { vendor: 'nvidia', architecture: 'hopper', description: 'NVIDIA: 550.54.14' },
    { vendor: 'apple', architecture: 'metal-3', description: 'Apple M2' },
    { vendor: 'intel', architecture: 'gen-12lp', description: 'Mesa Intel(R) Xe Graphics (TGL GT2)', isFallbackAdapter: false },
    { vendor: '', architecture: '', device: '', description: '' },
  ])('takes $vendor $architecture $description for a GPU', (info) => {
    expect(isSoftwareAdapter(info)).toBe(false);
  });
});

describe('foldGroups', () => {
  it.each([0, 1, 65_535, 65_536, 70_001, 65_535 * 65_535, 65_535 * 65_535 + 1, 5e9])('covers %d groups within the limit', (count) => {
    const [x, y, z] = foldGroups(count);
    expect(Math.max(x, y, z)).toBeLessThanOrEqual(65_535);
    expect(x * y * z).toBeGreaterThanOrEqual(count);
    expect(x * y * z).toBeLessThanOrEqual(count + y * z);
  });
});

describe('uniforms', () => {
  const uniforms = { count: 'u32', rate: 'f32', color: 'vec4f', shift: 'i32' } as const;

  it('lie where WGSL puts them', () => {
    expect(uniformLayout(uniforms)).toEqual({ offsets: { count: 0, rate: 4, color: 16, shift: 32 }, sizeBytes: 48 });
  });

  it('are packed in little-endian order', () => {
    const target = new ArrayBuffer(48);
    packUniforms(target, 0, uniforms, { count: 7, rate: 0.5, color: [1, 2, 3, 4], shift: -2 });
    expect([...new Float32Array(target, 16, 4)]).toEqual([1, 2, 3, 4]);
    expect([new Uint32Array(target)[0], new Float32Array(target)[1], new Int32Array(target)[8]]).toEqual([7, 0.5, -2]);
    expect(() => packUniforms(target, 0, uniforms, { count: 7 })).toThrow('uniform rate');
  });

  it('and bindings are declared by the runner', () => {
    const text = kernelText(
      { name: 't', bindings: { a: { element: 'vec4f', access: 'read' } }, uniforms, source: () => 'fn main() {}' },
      undefined,
    );
    expect(text).toContain('@group(0) @binding(0) var<storage, read> a: array<vec4f>;');
    expect(text).toContain('@group(0) @binding(1) var<uniform> u: Uniforms;');
  });

  it('enables extensions before anything else', () => {
    const text = kernelText({ name: 't', bindings: {}, features: ['subgroups', 'shader-f16'], source: () => 'fn main() {}' }, undefined);
    expect(text.startsWith('enable subgroups;\nenable f16;\n')).toBe(true);
  });
});
