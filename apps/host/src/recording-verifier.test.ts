import { chmod, cp, mkdtemp, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type FileSpec, sha256Hex } from '@gestalt3d/onnx';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RECORD, recordingVerifier } from './recording-verifier.ts';

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => i);
let folder: string;
let file: FileSpec;
const inside = (name: string): string => join(folder, name);
const record = async () => JSON.parse(await readFile(inside(RECORD), 'utf8')) as Record<string, { state: string; sha256: string }>;
const check = (again = false) => recordingVerifier(folder, { again }).check(file);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt3d-verified-'));
  await writeFile(inside('weights.bin'), BYTES);
  file = { path: 'weights.bin', bytes: 1000, sha256: await sha256Hex(BYTES) };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Past the time in which a change may leave no trace. */
const settled = () => wait(2100);

/** Makes the record say that the file, as it is now, was verified: shows whether a check believes it or reads. */
async function vouchForDamage(): Promise<void> {
  const { size, mtimeNs, ctimeNs, ino } = await stat(inside('weights.bin'), { bigint: true });
  const state = [size, mtimeNs, ctimeNs, ino].join(' ');
  await writeFile(inside(RECORD), JSON.stringify({ 'weights.bin': { state, sha256: file.sha256 } }));
}

async function flipByte(): Promise<void> {
  const flipped = BYTES.slice();
  flipped[500]! ^= 1;
  await writeFile(inside('weights.bin'), flipped);
}

describe('recordingVerifier', () => {
  it('records what it has hashed, and believes the record as long as the file is the same', async () => {
    await settled();
    expect(await check()).toBe('ok');
    expect(await record()).toEqual({ 'weights.bin': { state: expect.stringMatching(/^1000 \d+ \d+ \d+$/), sha256: file.sha256 } });
    // only reading could tell: so it is not read, unless that is asked for
    await flipByte();
    await vouchForDamage();
    expect(await check()).toBe('ok');
    expect(await check(true)).toEqual({ damaged: 'weights.bin has another SHA-256 than its manifest says' });
    // and what was found is not forgotten
    expect(await check()).toEqual({ damaged: 'weights.bin has another SHA-256 than its manifest says' });
  });

  it('notices a change of one byte, also when the time of modification is set back, and a file that took its place', async () => {
    await settled();
    const { atime, mtime } = await stat(inside('weights.bin'));
    expect(await check()).toBe('ok');
    await flipByte();
    await utimes(inside('weights.bin'), atime, mtime);
    expect(await check()).toMatchObject({ damaged: expect.stringContaining('another SHA-256') });

    await writeFile(inside('weights.bin'), BYTES);
    await settled();
    expect(await check()).toBe('ok');
    await cp(inside('weights.bin'), inside('other'), { preserveTimestamps: true });
    const other = await readFile(inside('other'));
    other[0]! ^= 1;
    await writeFile(inside('other'), other);
    await utimes(inside('other'), atime, mtime);
    await rename(inside('other'), inside('weights.bin'));
    expect(await check()).toMatchObject({ damaged: expect.stringContaining('another SHA-256') });
  });

  it('reads again for another manifest, another size, and where nothing is left', async () => {
    await settled();
    expect(await check()).toBe('ok');
    expect(await recordingVerifier(folder).check({ ...file, sha256: '0'.repeat(64) })).toMatchObject({ damaged: expect.any(String) });
    expect(await recordingVerifier(folder).check({ ...file, bytes: 999 })).toEqual({ damaged: 'weights.bin has 1000 bytes, expected 999' });
    await rm(inside('weights.bin'));
    expect(await check()).toBe('missing');
  });

  it('does not record a file that has just been written', async () => {
    expect(await check()).toBe('ok');
    expect(await record()).toEqual({});
  });

  it('works without a record: unreadable, or in a folder that it may not write to', async () => {
    for (const text of ['{', '[]', 'null', '{"weights.bin":null}', '{"weights.bin":{"state":1}}']) {
      await writeFile(inside(RECORD), text);
      expect(await check(), text).toBe('ok');
    }
    await rm(inside(RECORD), { force: true });
    await chmod(folder, 0o500);
    expect(await check()).toBe('ok');
    await chmod(folder, 0o700);
  });
});
