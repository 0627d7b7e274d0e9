import { type ByteSource, isCount, readRange } from './byte-source.ts';
import type { Checkpoint } from './checkpoint.ts';
import { DTYPE_BYTES, type TensorDtype } from './dtype.ts';
import { CheckpointDamagedError } from './errors.ts';
import { elementCount, type TensorView } from './tensor.ts';

const DTYPES: Record<string, TensorDtype> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
};
const MAX_HEADER_BYTES = 16 * 2 ** 20;
const MAX_RANK = 8;

/** Length of the JSON header when the file begins as a safetensors file does. */
export async function safetensorsHeaderLength(source: ByteSource): Promise<number | undefined> {
  if (source.size < 10) return undefined;
  const start = await readRange(source, 'the first bytes', 0, 9);
  const length = Number(new DataView(start.buffer, start.byteOffset, 9).getBigUint64(0, true));
  return start[8] === 0x7b && isCount(length) ? length : undefined;
}

/**
 * Opens a safetensors file. As the format demands, the tensors must fill the data part without holes and without overlap.
 * @throws CheckpointDamagedError
 */
export async function openSafetensors(source: ByteSource, headerLength: number): Promise<Checkpoint> {
  const fail = (expected: string, got: string): never => {
    throw new CheckpointDamagedError(source.name, expected, got);
  };
  if (headerLength > MAX_HEADER_BYTES) fail(`a header of at most ${MAX_HEADER_BYTES} bytes`, String(headerLength));
  const dataStart = 8 + headerLength;
  const text = new TextDecoder().decode(await readRange(source, 'the header', 8, headerLength));
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    fail('a JSON header', 'other bytes');
  }
  if (!isRecord(header)) return fail('a JSON object as header', 'another value');

  const tensors = new Map<string, TensorView>();
  const begins = new Map<string, number>();
  const ranges: [number, number][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: range } = isRecord(entry) ? entry : {};
    const type = typeof dtype === 'string' && Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype] : undefined;
    const at = JSON.stringify(name.slice(0, 80));
    if (type === undefined) return fail(`a known type of tensor ${at}`, String(dtype).slice(0, 40));
    if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isCount)) return fail(`a shape of tensor ${at}`, 'another value');
    if (!Array.isArray(range) || range.length !== 2 || !isCount(range[0]) || !isCount(range[1]))
      return fail(`two offsets of tensor ${at}`, 'other values');
    const length = elementCount(shape);
    const [begin, end] = range as [number, number];
    if (end - begin !== length * DTYPE_BYTES[type] || dataStart + end > source.size)
      fail(`${length} ${type} of tensor ${at} inside the file`, `the bytes ${begin} to ${end} of ${source.size - dataStart}`);
    const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
    tensors.set(name, { storage: { key: name, dtype: type, length }, shape, strides, offset: 0 });
    begins.set(name, dataStart + begin);
    ranges.push([begin, end]);
  }
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let filled = 0;
  for (const [begin, end] of ranges) {
    if (begin !== filled) fail('tensors one after the other', `a hole or an overlap at byte ${begin}`);
    filled = end;
  }
  if (dataStart + filled !== source.size) fail(`${dataStart + filled} bytes`, String(source.size));
  return {
    format: 'safetensors',
    source,
    tensors,
    identity: undefined,
    locate: async (storage) => ({ start: begins.get(storage.key)!, bytes: storage.length * DTYPE_BYTES[storage.dtype], crc32: undefined }),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
