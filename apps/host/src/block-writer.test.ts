import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlockWriter } from './block-writer.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'block-writer-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const MIB = 2 ** 20;

/** Bytes that differ from block to block. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 12) * 7 + (i >> 20) * 13) & 255;
  return bytes;
}

describe('BlockWriter', () => {
  for (const length of [0, 1, 4096, 4097, MIB, MIB + 1, 9 * MIB, 9 * MIB + 4099])
    it(`writes ${length} bytes in pieces of any size`, async () => {
      const bytes = pattern(length);
      const path = join(folder, `f${length}`);
      const file = await BlockWriter.create(path);
      // the piece is overwritten after each write: its bytes are taken over at once
      const piece = new Uint8Array(3 * MIB);
      for (let at = 0, step = 1; at < length; at += step, step = ((step * 7) % (3 * MIB)) + 1) {
        const part = bytes.subarray(at, at + step);
        piece.set(part);
        await file.write(piece.subarray(0, part.length));
        piece.fill(255);
      }
      await file.finish();
      await file.close();
      expect((await stat(path)).size).toBe(length);
      expect(Buffer.compare(await readFile(path), bytes)).toBe(0);
    });

  it('does not overwrite a file', async () => {
    const path = join(folder, 'there');
    await (await BlockWriter.create(path)).close();
    await expect(BlockWriter.create(path)).rejects.toMatchObject({ code: 'EEXIST' });
  });
});
