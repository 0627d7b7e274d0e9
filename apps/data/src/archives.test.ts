import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ArchiveError, DigestError, DownloadError } from './errors.ts';
import { fetchPackage, makeFolderOnce } from './fetch-package.ts';
import { run } from './main.ts';
import { type PinnedPackage, packageFile } from './packages.ts';
import { findDebData } from './unpack.ts';
import { readZip, writeZip } from './zip.ts';

const PACKAGE: PinnedPackage = { kind: 'debian', name: 'thing', version: '1-1', sha256: '0'.repeat(64), poolPath: 'pool/thing.deb' };
const { signal } = new AbortController();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt3d-data-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('zip: what goes in comes out, and the same again gives the same bytes', () => {
  const entries = [
    ['b/2.bin', Uint8Array.from({ length: 70_000 }, (_, i) => i * 7)],
    ['a.txt', new TextEncoder().encode('text')],
    ['empty', new Uint8Array(0)],
  ] as const;
  const archive = writeZip(entries);
  expect([...readZip(archive)]).toEqual(entries.map(([name, bytes]) => [name, bytes]));
  expect(writeZip(entries)).toEqual(archive);
  expect([...readZip(archive, (name) => name === 'a.txt').keys()]).toEqual(['a.txt']);
  expect(() => readZip(archive.subarray(0, archive.length - 40))).toThrow(ArchiveError);
  expect(() => readZip(new Uint8Array(100))).toThrow(ArchiveError);
});

/** An ar archive as Debian writes it. */
function ar(members: Record<string, string>): Uint8Array {
  const parts = Object.entries(members).map(
    ([name, text]) =>
      `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(text.length).padEnd(10)}\`\n${text}${text.length % 2 ? '\n' : ''}`,
  );
  return new TextEncoder().encode(`!<arch>\n${parts.join('')}`);
}

test('deb: the data member is found behind odd-sized ones; damage is named', () => {
  const deb = ar({ 'debian-binary': '2.0', 'control.tar.xz': 'abc', 'data.tar.xz': 'payload' });
  const { name, bytes } = findDebData(deb, 'thing.deb');
  expect(name).toBe('data.tar.xz');
  expect(new TextDecoder().decode(bytes)).toBe('payload');
  expect(() => findDebData(deb.subarray(0, deb.length - 4), 'thing.deb')).toThrow(ArchiveError);
  expect(() => findDebData(ar({ 'control.tar.xz': 'abc' }), 'thing.deb')).toThrow(ArchiveError);
  expect(() => findDebData(new Uint8Array(10), 'thing.deb')).toThrow(ArchiveError);
});

test('a cached file of another content is refused, and mirrors must be https', async () => {
  const cache = join(folder, 'cache');
  await expect(fetchPackage(PACKAGE, { cache, mirror: 'http://mirror.example', signal })).rejects.toThrow(DownloadError);
  expect(await readdir(cache)).toEqual([]);
  await writeFile(join(cache, packageFile(PACKAGE)), 'not it');
  await expect(fetchPackage(PACKAGE, { cache, signal })).rejects.toThrow(DigestError);
});

test('a folder that could not be made whole is not there', async () => {
  const path = join(folder, 'made');
  await expect(
    makeFolderOnce(path, async (inside) => {
      await writeFile(join(inside, 'half'), '');
      throw new Error('killed');
    }),
  ).rejects.toThrow('killed');
  expect(await readdir(folder)).not.toContain('made');
  let made = 0;
  for (let i = 0; i < 2; i++) await makeFolderOnce(path, async (inside) => writeFile(join(inside, 'whole'), String(++made)));
  expect(made).toBe(1);
});

test('wrong usage is status 2 and says what is wrong', async () => {
  const lines: string[] = [];
  const say = (line: string) => lines.push(line);
  expect(await run(['render', '--workers', 'many', '--cache', folder], signal, say)).toBe(2);
  expect(lines.at(-1)).toMatch(/--workers.*many/);
  expect(await run(['nonsense'], signal, say)).toBe(2);
  expect(await run(['preview', '--out', folder], signal, say)).toBe(1);
  expect(lines.at(-1)).toMatch(/npm run data -- pack/);
});
