import { readFileSync } from 'node:fs';
import { DeviceUnavailableError } from '@gestalt3d/core';
import { Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { createOrtBackend } from './ort-backend.ts';

const AXPY = readFileSync(new URL('../../../packages/onnx/test/fixtures/axpy.onnx', import.meta.url));

it('runs on the CPU unless there is a real GPU', async () => {
  const backend = await createOrtBackend({ device: 'auto', threads: 1 });
  expect(backend.provider).toBe('cpu');
  const session = await backend.createSession(AXPY, []);
  const row = new Tensor('float32', [1, 2, 3], [1, 3]);
  const { y } = await session.run({ a: row, b: row });
  expect([...(y as Tensor).data]).toEqual([3, 6, 9]);
  await session.release();
});

it('either starts the provider that is insisted upon, or says that it is not there', async () => {
  for (const device of ['webgpu', 'cuda'] as const) {
    const backend = await createOrtBackend({ device }).catch((error: unknown) => error);
    if (backend instanceof Error) expect(backend).toBeInstanceOf(DeviceUnavailableError);
    else expect(backend).toMatchObject({ provider: device });
  }
});
