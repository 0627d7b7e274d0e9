import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { writeCheckpoint } from '../../../../packages/networks/scripts/make-checkpoint.mjs';
import { runCli } from '../run-cli.test-helper.ts';

it('gestalt3d import prints the licence, the folder on stdout, and exits as documented', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gestalt3d-cli-'));
  const run = async (...args: string[]) => {
    return runCli('import', ...args, '--models', join(folder, 'models'));
  };
  try {
    const file = join(folder, 'sam_vit_b.pth');
    writeCheckpoint(file, 'sam');
    const first = await run(file, '--precision', 'fp16');
    expect(first).toMatchObject({ status: 0, stdout: `${join(folder, 'models', 'sam')}\n` });
    expect(first.stderr).toMatch(/imported: sam, fp16[\s\S]*licence of these weights: Apache-2.0/);
    expect((await run(file, '--precision', 'fp16')).stderr).toContain('already installed');
    expect(JSON.parse((await run(file, '--json')).stdout)).toMatchObject({ id: 'sam', state: 'imported', precision: 'float32' });
    expect((await run(file, '--precision', 'int8')).status).toBe(2);
    expect((await run(file, '--as', 'resnet')).status).toBe(2);
    expect((await run(file, '--as', 'clip')).status).toBe(3);
    const unsafe = await run(fileURLToPath(new URL('../../../../packages/onnx/test/fixtures/unsafe.ckpt', import.meta.url)));
    expect(unsafe.status).toBe(3);
    expect(unsafe.stderr).toContain('posix.system');
    expect((await run(join(folder, 'missing.ckpt'))).status).toBe(5);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
