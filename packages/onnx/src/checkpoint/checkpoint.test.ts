import { readFileSync } from 'node:fs';
import { createRng, GestaltError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { mutateCheckpoint, mutatePickle } from '../../scripts/mutate-checkpoint.mjs';
import { buildZip, centralDirectory, localHeader, PickleWriter, torchZip } from '../../scripts/torch-zip-writer.mjs';
import { type ByteSource, memoryByteSource } from './byte-source.ts';
import type { Checkpoint } from './checkpoint.ts';
import { crc32 } from './crc32.ts';
import { CheckpointDamagedError, CheckpointUnknownError, CheckpointUnsafeError } from './errors.ts';
import { float16Values, toFloat16Bits } from './float16.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { type FloatDtype, streamTensor } from './stream-tensor.ts';

const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../../test/fixtures/${name}`, import.meta.url)));
const open = (bytes: Uint8Array): Promise<Checkpoint> => openCheckpoint(memoryByteSource(bytes, 'test'));

async function values(checkpoint: Checkpoint, name: string, dtype: FloatDtype = 'float32'): Promise<number[]> {
  const result: number[] = [];
  for await (const piece of streamTensor(checkpoint, name, dtype)) {
    const bytes = piece.slice();
    if (dtype === 'float32') result.push(...new Float32Array(bytes.buffer));
    else for (const bits of new Uint16Array(bytes.buffer)) result.push(float16Values()[bits]!);
  }
  return result;
}

describe('PyTorch files, written by PyTorch', () => {
  it('reads every kind of view of a Lightning checkpoint', async () => {
    const checkpoint = await open(fixture('views.ckpt'));
    expect(checkpoint.format).toBe('pytorch');
    expect([...checkpoint.tensors.keys()]).toEqual(
      'whole transposed rows columns parameter half brain double long scalar empty'.split(' '),
    );
    const count = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i);
    expect(await values(checkpoint, 'whole')).toEqual(count(24));
    expect(checkpoint.tensors.get('transposed')!.shape).toEqual([6, 4]);
    expect(await values(checkpoint, 'transposed')).toEqual(count(24).map((i) => (i % 4) * 6 + Math.floor(i / 4)));
    expect(await values(checkpoint, 'rows')).toEqual(count(12, 6));
    expect(await values(checkpoint, 'columns')).toEqual([2, 3, 8, 9, 14, 15, 20, 21]);
    expect(await values(checkpoint, 'parameter')).toEqual(count(6, 18));
    expect(await values(checkpoint, 'half')).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(await values(checkpoint, 'brain')).toEqual([0, 3, 6, 9, 12]);
    expect(await values(checkpoint, 'double')).toEqual([0, Math.fround(1 / 3), Math.fround(2 / 3)]);
    expect(await values(checkpoint, 'scalar')).toEqual([7.5]);
    expect(checkpoint.tensors.get('scalar')!.shape).toEqual([]);
    expect(await values(checkpoint, 'empty')).toEqual([]);
    expect(await values(checkpoint, 'whole', 'float16')).toEqual(count(24));
    await expect(values(checkpoint, 'long')).rejects.toThrow(CheckpointUnknownError);
    await expect(values(checkpoint, 'nothing')).rejects.toThrow('a tensor nothing');
  });

  it('names a global that could run something', async () => {
    const opened = open(fixture('unsafe.ckpt'));
    await expect(opened).rejects.toThrow(CheckpointUnsafeError);
    await expect(opened).rejects.toThrow('posix.system');
  });

  it('reads a TorchScript archive under the names of state_dict()', async () => {
    const checkpoint = await open(fixture('script.pt'));
    expect(checkpoint.format).toBe('torchscript');
    expect([...checkpoint.tensors.keys()].sort()).toEqual(['resolution', 'scale', 'visual.0.bias', 'visual.0.weight', 'visual.2.weight']);
    expect(await values(checkpoint, 'visual.0.weight')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await values(checkpoint, 'scale')).toEqual([0, 1]);
  });

  it('refuses the format of before 1.6 and other files', async () => {
    await expect(open(Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c))).rejects.toThrow('before 1.6');
    await expect(open(new Uint8Array(0))).rejects.toThrow(CheckpointDamagedError);
    await expect(open(new TextEncoder().encode('<!doctype html> not found'))).rejects.toThrow('another kind of file');
  });

  it('notices one flipped bit of a tensor, a whole one or a slice', async () => {
    const bytes = fixture('views.ckpt');
    const { start } = await (async () => {
      const checkpoint = await open(bytes);
      return checkpoint.locate(checkpoint.tensors.get('whole')!.storage);
    })();
    bytes[start + 1]! ^= 4;
    const checkpoint = await open(bytes);
    for (const name of ['whole', 'rows', 'transposed']) await expect(values(checkpoint, name)).rejects.toThrow('checksum');
    expect(await values(checkpoint, 'half')).toEqual([0, 0.25, 0.5, 0.75, 1]);
  });

  it('stops when told', async () => {
    const checkpoint = await open(fixture('views.ckpt'));
    const reason = new Error('enough');
    const stream = streamTensor(checkpoint, 'whole', 'float32', AbortSignal.abort(reason));
    await expect(stream.next()).rejects.toBe(reason);
  });
});

describe('safetensors', () => {
  it('reads a file', async () => {
    const checkpoint = await open(fixture('small.safetensors'));
    expect(await values(checkpoint, 'a')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await values(checkpoint, 'b')).toEqual([0, 1, 2, 3]);
    expect(checkpoint.tensors.get('c')!.shape).toEqual([]);
  });

  const file = (header: unknown, dataBytes: number): Uint8Array => {
    const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
    const bytes = new Uint8Array(8 + text.length + dataBytes);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    return bytes;
  };
  const tensor = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype = 'F32') => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  });
  it.each<[string, Uint8Array, string]>([
    ['overlapping tensors', file({ a: tensor(0, 8), b: tensor(4, 12) }, 12), 'overlap'],
    ['a hole', file({ a: tensor(0, 4), b: tensor(8, 12) }, 12), 'hole'],
    ['a tensor outside', file({ a: tensor(0, 16) }, 8), 'inside the file'],
    ['bytes left over', file({ a: tensor(0, 8) }, 12), 'expected'],
    ['a size of 2^63', file('{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]}}', 4), 'a shape'],
    ['a negative offset', file({ a: tensor(-4, 0, [1]) }, 4), 'two offsets'],
    ['a shape that overflows', file({ a: tensor(0, 4, [2 ** 40, 2 ** 40]) }, 4), 'inside the file'],
    ['an unknown type', file({ a: tensor(0, 4, [1], '__proto__') }, 4), 'a known type'],
    ['a header that is not JSON', file('{"a": ', 4), 'a JSON header'],
    ['deep nesting', file(`{"a":${'['.repeat(200000)}${']'.repeat(200000)}}`, 4), 'a known type'],
    ['a header length of 2^62', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x40, 0x7b, 0x7d), 'another kind'],
  ])('refuses %s', async (_what, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(message);
    await expect(open(bytes)).rejects.toThrow(CheckpointDamagedError);
  });
});

describe('hostile zip archives', () => {
  const pickle = () => new PickleWriter().dict([['a', (p) => p.tensor('FloatStorage', '0', 2, 0, [2], [1])]]).bytes();
  const data = new Uint8Array(Float32Array.of(1, 2).buffer);
  const entries = (): Parameters<typeof buildZip>[0] => [
    { name: 'x/data.pkl', bytes: pickle() },
    { name: 'x/data/0', bytes: data },
  ];

  it('accepts the archive that the cases below start from, with and without zip64', async () => {
    expect(await values(await open(buildZip(entries())), 'a')).toEqual([1, 2]);
    expect(await values(await open(buildZip(entries(), { zip64: true })), 'a')).toEqual([1, 2]);
  });

  it('reads behind 4 GiB, where only zip64 fields reach', async () => {
    const large = 5 * 2 ** 30;
    const pieces: { at: number; bytes: Uint8Array }[] = [];
    const placed: { name: string; size: number; crc32: number; headerOffset: number }[] = [];
    let at = 0;
    const place = (name: string, size: number, bytes?: Uint8Array): void => {
      const crc = bytes === undefined ? 0 : crc32(bytes);
      const header = localHeader(name, size, crc, at);
      pieces.push({ at, bytes: header });
      if (bytes !== undefined) pieces.push({ at: at + header.length, bytes });
      placed.push({ name, size, crc32: crc, headerOffset: at });
      at += header.length + size;
    };
    const two = new PickleWriter().dict([
      ['large', (p) => p.tensor('FloatStorage', '0', large / 4, 0, [large / 4], [1])],
      ['behind', (p) => p.tensor('FloatStorage', '1', 2, 0, [2], [1])],
    ]);
    const pickled = two.bytes();
    place('x/data.pkl', pickled.length, pickled);
    place('x/data/0', large);
    place('x/data/1', data.length, data);
    const end = centralDirectory(placed, at);
    pieces.push({ at, bytes: end });
    /** Zeros but for the pieces. */
    const sparse: ByteSource = {
      name: 'sparse',
      size: at + end.length,
      async read(offset, length) {
        const result = new Uint8Array(length);
        for (const piece of pieces) {
          const from = Math.max(piece.at, offset);
          const to = Math.min(piece.at + piece.bytes.length, offset + length);
          if (from < to) result.set(piece.bytes.subarray(from - piece.at, to - piece.at), from - offset);
        }
        return result;
      },
    };
    const checkpoint = await openCheckpoint(sparse);
    expect((await checkpoint.locate(checkpoint.tensors.get('large')!.storage)).bytes).toBe(large);
    expect(await values(checkpoint, 'behind')).toEqual([1, 2]);
  });

  it('needs the record of its byte order to say little', async () => {
    const text = new TextEncoder();
    const with_ = (order: string) => buildZip([...entries(), { name: 'x/byteorder', bytes: text.encode(order) }]);
    expect((await open(with_('little'))).tensors.size).toBe(1);
    await expect(open(with_('big'))).rejects.toThrow('little-endian');
  });

  it.each<[string, () => Uint8Array, string]>([
    ['compressed entries (zip bombs)', () => buildZip([{ ...entries()[0]!, method: 8 }, entries()[1]!]), 'a compressed entry'],
    ['sizes that differ', () => buildZip([{ ...entries()[0]!, size: 2 ** 31 }, entries()[1]!]), 'one size'],
    ['an entry twice', () => buildZip([...entries(), entries()[1]!]), 'different names'],
    ['overlapping entries', () => buildZip([entries()[0]!, { ...entries()[1]!, headerOffset: 10 }]), 'overlap'],
    ['an entry behind the end', () => buildZip([entries()[0]!, { ...entries()[1]!, headerOffset: 0x7fffffff }]), 'before the directory'],
    ['sizes of 2^63', () => buildZip([entries()[0]!, { ...entries()[1]!, zip64Size: 2n ** 63n }], { zip64: true }), 'below 2^53'],
    ['a storage of another size', () => buildZip([entries()[0]!, { name: 'x/data/0', bytes: data.subarray(4) }]), '4 bytes'],
    ['no storage', () => buildZip([entries()[0]!]), 'got none'],
    ['no pickle', () => buildZip([entries()[1]!]), 'one data.pkl'],
    ['two pickles', () => buildZip([...entries(), { name: 'y/data.pkl', bytes: pickle() }]), '2 of them'],
    ['a pickle with another checksum', () => buildZip([{ ...entries()[0]!, crc32: 1 }, entries()[1]!]), 'its checksum'],
    ['a cut file', () => buildZip(entries()).subarray(0, 150), 'the end record'],
  ])('refuses %s', async (_what, make, message) => {
    const opened = open(make());
    await expect(opened).rejects.toThrow(message);
    await expect(opened).rejects.toThrow(CheckpointDamagedError);
  });
});

describe('hostile pickles', () => {
  const file = (write: (p: PickleWriter) => PickleWriter): Uint8Array =>
    torchZip(write(new PickleWriter()).bytes(), { 0: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) });
  const tensor = (offset: number | bigint, size: (number | bigint)[], stride: (number | bigint)[], length: number | bigint = 4) =>
    file((p) => p.dict([['a', (q) => q.tensor('FloatStorage', '0', length, offset, size, stride)]]));
  const raw = (...bytes: number[]) => torchZip(Uint8Array.from([0x80, 2, ...bytes]), {});

  it.each<[string, () => Uint8Array, string]>([
    ['a negative offset', () => tensor(-1, [2], [1]), 'offset -1'],
    ['a negative stride', () => tensor(3, [4], [-1]), 'strides [-1]'],
    ['a negative size', () => tensor(0, [-2], [1]), 'sizes [-2]'],
    ['a view that ends behind its storage', () => tensor(1, [4], [1]), 'inside its storage of 4'],
    ['strides that lead outside', () => tensor(0, [2, 2], [1, 3]), 'inside its storage'],
    ['a tensor of 2^63 elements', () => tensor(0, [2n ** 63n], [1]), 'sizes [9223372036854775808]'],
    ['sizes whose product overflows', () => tensor(0, [2 ** 40, 2 ** 40], [0, 0]), 'inside its storage'],
    ['an expansion of one element to millions', () => tensor(0, [1e9], [0]), 'inside its storage'],
    ['a storage longer than its entry', () => tensor(0, [4], [1], 2 ** 40), '16 bytes'],
    ['as many dimensions as it likes', () => tensor(0, Array(100).fill(1), Array(100).fill(1)), 'at most 8 dimensions'],
    ['an empty pickle', () => raw(), 'ends in the middle'],
    ['a pop from nothing', () => raw(0x30, 0x2e), 'a value on the stack'],
    ['a memo that was not filled', () => raw(0x68, 9, 0x2e), 'number 9'],
    ['a string longer than the file', () => raw(0x58, 255, 255, 255, 255), 'ends in the middle'],
    ['a length of 2^63', () => raw(0x8e, 0, 0, 0, 0, 0, 0, 0, 0x80), 'ends in the middle'],
    ['an integer of a megabyte', () => raw(0x8b, 0, 0, 16, 0), 'an integer of at most'],
    ['a negative length', () => raw(0x8b, 255, 255, 255, 255), 'ends in the middle'],
    ['extension codes', () => raw(0x82, 1, 0x2e), 'opcode 0x82'],
    ['a million containers', () => torchZip(new Uint8Array(1_000_000).fill(0x7d), {}), 'objects'],
    ['no dictionary', () => raw(0x4e, 0x2e), 'a dictionary of tensors'],
    ['a list named over and over as arguments', copyBomb, 'copied items'],
  ])('refuses %s', async (_what, make, message) => {
    const opened = open(make());
    await expect(opened).rejects.toThrow(message);
    await expect(opened).rejects.toThrow(CheckpointDamagedError);
  });

  /** One list of 100,000 pairs, then OrderedDict(list) a thousand times. */
  function copyBomb(): Uint8Array {
    const bytes: number[] = [0x80, 2, ...new TextEncoder().encode('ccollections\nOrderedDict\n'), 0x71, 0];
    bytes.push(0x5d, 0x28, 0x4e, 0x4e, 0x86, 0x71, 1);
    for (let i = 1; i < 100_000; i++) bytes.push(0x68, 1);
    bytes.push(0x65, 0x85, 0x71, 2);
    for (let i = 0; i < 1000; i++) bytes.push(0x68, 0, 0x68, 2, 0x52);
    bytes.push(0x2e);
    return torchZip(Uint8Array.from(bytes), {});
  }

  it('reads nothing from an empty tensor, whatever its strides', async () => {
    expect(await values(await open(tensor(0, [0, 3], [7, 1])), 'a')).toEqual([]);
  });

  it('survives depth and cycles', async () => {
    // lists inside each other, beside the tensors
    const nest = (depth: number) => (p: PickleWriter) => {
      for (let i = 0; i < depth; i++) p.raw(0x5d);
      for (let i = 1; i < depth; i++) p.raw(0x61);
    };
    const deep = file((p) =>
      p.dict([
        ['deep', nest(100_000)],
        ['a', (q) => q.tensor('FloatStorage', '0', 4, 0, [4], [1])],
      ]),
    );
    expect(await values(await open(deep), 'a')).toEqual([1, 2, 3, 4]);
    // a TorchScript module that is its own child
    const self = [
      0x80,
      2,
      ...new TextEncoder().encode('c__torch__\nM\n'),
      0x29,
      0x81,
      0x71,
      0,
      0x7d,
      0x58,
      1,
      0,
      0,
      0,
      0x6d,
      0x68,
      0,
      0x73,
      0x62,
      0x2e,
    ];
    await expect(open(torchZip(Uint8Array.from(self), {}))).rejects.toThrow('levels of modules');
  });

  it.each([
    'builtins.eval',
    'os.system',
    'torch.load',
    'torch.jit._pickle.x',
    'numpy.load',
    'ldm.models.X',
    'constructor.constructor',
    '__proto__.x',
  ])('does not know %s', async (name) => {
    const at = name.lastIndexOf('.');
    const bytes = file((p) => p.dict([['x', (q) => q.global(name.slice(0, at), name.slice(at + 1))]]));
    await expect(open(bytes)).rejects.toThrow(CheckpointUnsafeError);
    await expect(open(bytes)).rejects.toThrow(name);
  });
});

it('500 seeded mutants of real files end in clean errors or in tensors', async () => {
  const rng = createRng(7);
  const seeds = ['views.ckpt', 'script.pt', 'small.safetensors'].map(fixture);
  let refused = 0;
  for (let i = 0; i < 500; i++) {
    const seed = seeds[i % seeds.length]!;
    const mutant = i % seeds.length < 2 && rng.integer(2) === 0 ? mutatePickle(seed, rng) : mutateCheckpoint(seed, rng);
    try {
      const checkpoint = await open(mutant);
      for (const name of checkpoint.tensors.keys()) await values(checkpoint, name).catch(rethrowUnlessTyped);
    } catch (error) {
      rethrowUnlessTyped(error);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(250);
});

function rethrowUnlessTyped(error: unknown): void {
  if (!(error instanceof GestaltError)) throw error;
}

describe('numbers', () => {
  it('crc32 has the check value of its definition, in one piece or two', () => {
    const bytes = new TextEncoder().encode('123456789');
    expect(crc32(bytes)).toBe(0xcbf43926);
    expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4)))).toBe(0xcbf43926);
  });

  it('fp16 keeps every value that it has, and rounds the others to the nearest, ties to even', () => {
    const all = float16Values();
    const back = new Uint16Array(65536);
    toFloat16Bits(all, back);
    expect(Array.from(back.keys()).filter((bits) => back[bits] !== bits && !Number.isNaN(all[bits]!))).toEqual([]);
    // between neighbours a < b: below the middle to a, above it to b, the middle to the even one
    const probe = new Float32Array(3);
    const got = new Uint16Array(3);
    for (let bits = 0; bits < 0x7bff; bits += 41) {
      const middle = (all[bits]! + all[bits + 1]!) / 2;
      probe.set([middle * (1 - 2 ** -20), middle, middle * (1 + 2 ** -20)]);
      toFloat16Bits(probe, got);
      expect([...got]).toEqual([bits, bits + (bits % 2), bits + 1]);
    }
    probe.set([65519.99, 65520, -1e30]);
    toFloat16Bits(probe, got);
    expect([...got]).toEqual([0x7bff, 0x7c00, 0xfc00]);
  });
});
