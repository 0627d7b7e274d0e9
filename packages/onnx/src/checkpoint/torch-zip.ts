import { type ByteSource, readRange } from './byte-source.ts';
import type { Checkpoint } from './checkpoint.ts';
import { crc32 } from './crc32.ts';
import { DTYPE_BYTES } from './dtype.ts';
import { CheckpointDamagedError } from './errors.ts';
import { readPickle } from './pickle.ts';
import { PickleObject, PickleTensor, type PickleValue } from './pickle-value.ts';
import type { TensorStorage, TensorView } from './tensor.ts';
import { readZipDirectory, type ZipEntry, zipEntryStart } from './zip.ts';

const MAX_TENSORS = 100_000;
const MAX_DEPTH = 64;
const MAX_PICKLE_BYTES = 32 * 2 ** 20;

/**
 * Opens what `torch.save` (PyTorch 1.6 and later) or `torch.jit.save` wrote. Lightning checkpoints give their `state_dict`; TorchScript archives
 * give parameters and buffers under the names that `state_dict()` would use.
 * @throws CheckpointDamagedError, CheckpointUnsafeError
 */
export async function openTorchZip(source: ByteSource): Promise<Checkpoint> {
  const directory = await readZipDirectory(source);
  const roots = [...directory.entries.keys()].filter((name) => name.endsWith('/data.pkl') && name.split('/').length === 2);
  if (roots.length !== 1) throw new CheckpointDamagedError(source.name, 'one data.pkl in the archive', `${roots.length} of them`);
  const prefix = roots[0]!.slice(0, -'data.pkl'.length);

  const order = directory.entries.get(`${prefix}byteorder`);
  if (order !== undefined && new TextDecoder().decode(await readEntry(source, order)) !== 'little')
    throw new CheckpointDamagedError(source.name, 'little-endian tensors', 'another byte order');

  const entryOf = (key: string): ZipEntry | undefined => directory.entries.get(`${prefix}data/${key}`);
  const storages = new Map<string, TensorStorage>();
  const root = readPickle(await readEntry(source, directory.entries.get(roots[0]!)!), {
    file: source.name,
    storage(key, dtype, length) {
      const known = storages.get(key);
      if (known !== undefined && known.dtype === dtype && known.length === length) return known;
      const entry = entryOf(key);
      if (known !== undefined || entry === undefined || entry.size !== length * DTYPE_BYTES[dtype])
        throw new CheckpointDamagedError(
          source.name,
          `a storage ${JSON.stringify(key.slice(0, 40))} of ${length} ${dtype}`,
          known !== undefined ? `another of ${known.length} ${known.dtype}` : entry === undefined ? 'none' : `${entry.size} bytes`,
        );
      const storage = { key, dtype, length };
      storages.set(key, storage);
      return storage;
    },
  });

  const isScript = root instanceof PickleObject;
  return {
    format: isScript ? 'torchscript' : 'pytorch',
    source,
    tensors: isScript ? scriptTensors(root, source.name) : stateDict(root, source.name),
    identity: directory.bytes,
    async locate(storage) {
      const entry = entryOf(storage.key)!;
      return { start: await zipEntryStart(source, entry), bytes: entry.size, crc32: entry.crc32 };
    },
  };
}

async function readEntry(source: ByteSource, entry: ZipEntry): Promise<Uint8Array> {
  if (entry.size > MAX_PICKLE_BYTES)
    throw new CheckpointDamagedError(source.name, `${entry.name} of at most ${MAX_PICKLE_BYTES} bytes`, `${entry.size} bytes`);
  const bytes = (await readRange(source, entry.name, await zipEntryStart(source, entry), entry.size)).slice();
  if (crc32(bytes) !== entry.crc32) throw new CheckpointDamagedError(source.name, `${entry.name} with its checksum`, 'other bytes');
  return bytes;
}

/** The dictionary of tensors: the root itself, or its `state_dict`. Entries that are not tensors are left out. */
function stateDict(root: PickleValue, file: string): Map<string, TensorView> {
  const inner = root instanceof Map ? root.get('state_dict') : undefined;
  const dictionary = inner instanceof Map ? inner : root;
  if (!(dictionary instanceof Map)) throw new CheckpointDamagedError(file, 'a dictionary of tensors', 'another value');
  const tensors = new Map<string, TensorView>();
  for (const [name, value] of dictionary) if (typeof name === 'string' && value instanceof PickleTensor) tensors.set(name, value.view);
  if (tensors.size > MAX_TENSORS) throw new CheckpointDamagedError(file, `at most ${MAX_TENSORS} tensors`, String(tensors.size));
  return tensors;
}

/** Modules are objects whose state is a dictionary of parameters, buffers and modules; names are joined by dots. */
function scriptTensors(root: PickleObject, file: string): Map<string, TensorView> {
  const tensors = new Map<string, TensorView>();
  const pending: { prefix: string; depth: number; object: PickleObject }[] = [{ prefix: '', depth: 0, object: root }];
  for (let visited = 0; pending.length > 0; visited++) {
    const { prefix, depth, object } = pending.pop()!;
    // a module that holds itself would never end
    if (depth > MAX_DEPTH || visited > MAX_TENSORS || tensors.size > MAX_TENSORS)
      throw new CheckpointDamagedError(file, `at most ${MAX_DEPTH} levels of modules and ${MAX_TENSORS} of them`, 'more');
    if (!(object.state instanceof Map)) continue;
    const modules: typeof pending = [];
    for (const [name, value] of object.state) {
      if (typeof name !== 'string') continue;
      if (value instanceof PickleTensor) tensors.set(prefix + name, value.view);
      else if (value instanceof PickleObject) modules.push({ prefix: `${prefix}${name}.`, depth: depth + 1, object: value });
    }
    pending.push(...modules.reverse());
  }
  return tensors;
}
