import { describe, expect, it } from 'vitest';
import { createMemoryStore } from './memory-store.test-helper.ts';
import { RunFolder } from './run-folder.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('RunFolder', () => {
  it('knows a finished stage again after it is reopened', async () => {
    const store = createMemoryStore();
    await (await RunFolder.open(store)).commit('segment', 'key', new Map([['mask.png', bytes('m')]]), 12);
    const folder = await RunFolder.open(store);
    expect(await folder.isFinished('segment', 'key')).toBe(true);
    expect(await folder.isFinished('segment', 'other')).toBe(false);
    expect(await folder.isFinished('complete')).toBe(false);
    expect(folder.record('segment')?.milliseconds).toBe(12);
  });

  it.each([
    ['cut short', (store: ReturnType<typeof createMemoryStore>) => store.files.set('mask.png', bytes(''))],
    ['edited', (store: ReturnType<typeof createMemoryStore>) => store.files.set('mask.png', bytes('n'))],
    ['removed', (store: ReturnType<typeof createMemoryStore>) => store.files.delete('mask.png')],
  ])('does not trust a stage whose file was %s', async (_what, change) => {
    const store = createMemoryStore();
    const folder = await RunFolder.open(store);
    await folder.commit('segment', 'key', new Map([['mask.png', bytes('m')]]), 1);
    change(store);
    expect(await folder.isFinished('segment', 'key')).toBe(false);
  });

  it('removes files that the new result no longer has', async () => {
    const store = createMemoryStore();
    const folder = await RunFolder.open(store);
    await folder.commit(
      'complete',
      'a',
      new Map([
        ['completion-0.png', bytes('0')],
        ['completion-1.png', bytes('1')],
      ]),
      1,
    );
    await folder.commit('complete', 'b', new Map([['completion-0.png', bytes('x')]]), 1);
    expect(await store.list('completion')).toEqual(['completion-0.png']);
  });

  it('is not finished when writing stops half-way', async () => {
    const store = createMemoryStore();
    const folder = await RunFolder.open(store);
    await folder.commit('mesh', 'a', new Map([['asset.glb', bytes('old')]]), 1);
    const write = store.write;
    store.write = async (name, content) => {
      if (name === 'report.json') throw new Error('crash');
      await write(name, content);
    };
    await expect(
      folder.commit(
        'mesh',
        'a',
        new Map([
          ['asset.glb', bytes('new')],
          ['report.json', bytes('{}')],
        ]),
        1,
      ),
    ).rejects.toThrow('crash');
    store.write = write;
    expect(await (await RunFolder.open(store)).isFinished('mesh', 'a')).toBe(false);
  });

  it('takes a damaged stages.json for nothing finished', async () => {
    const store = createMemoryStore(new Map([['stages.json', bytes('{"segment": {')]]));
    expect((await RunFolder.open(store)).record('segment')).toBeUndefined();
  });
});
