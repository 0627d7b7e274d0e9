import type { TensorDtype } from './dtype.ts';

/** What a global of a pickle stands for here. Nothing is ever looked up or called by its name. */
export type GlobalMeaning =
  | { kind: 'ordered-dict' }
  /** torch._utils._rebuild_tensor_v2 and its predecessor: (storage, offset, size, stride, ...). */
  | { kind: 'tensor' }
  /** The first argument is the value: _rebuild_parameter, torch.Size, TorchScript's typed lists. */
  | { kind: 'first-argument' }
  | { kind: 'storage'; dtype: TensorDtype }
  /** Holds data that is of no use here: kept as a name and a state, nothing else. */
  | { kind: 'inert' };

const STORAGES: Record<string, TensorDtype> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

const KNOWN: Record<string, GlobalMeaning> = {
  'collections.OrderedDict': { kind: 'ordered-dict' },
  'torch._utils._rebuild_tensor_v2': { kind: 'tensor' },
  'torch._utils._rebuild_tensor': { kind: 'tensor' },
  'torch._utils._rebuild_parameter': { kind: 'first-argument' },
  'torch.Size': { kind: 'first-argument' },
  'torch.jit._pickle.restore_type_tag': { kind: 'first-argument' },
  'torch.jit._pickle.build_intlist': { kind: 'first-argument' },
  'torch.jit._pickle.build_doublelist': { kind: 'first-argument' },
  'torch.jit._pickle.build_boollist': { kind: 'first-argument' },
  'torch.jit._pickle.build_tensorlist': { kind: 'first-argument' },
};

/** Containers and numbers that training frameworks leave beside the weights. */
const INERT = new Set([
  ...[
    'int',
    'float',
    'complex',
    'bool',
    'str',
    'bytes',
    'bytearray',
    'list',
    'tuple',
    'dict',
    'set',
    'frozenset',
    'object',
    'slice',
    'range',
  ].flatMap((name) => [`builtins.${name}`, `__builtin__.${name}`]),
  'collections.defaultdict',
  'collections.Counter',
  'collections.deque',
  'copyreg._reconstructor',
  'copy_reg._reconstructor',
  '_codecs.encode',
  'argparse.Namespace',
  'typing.Any',
  'pathlib.PosixPath',
  'pathlib.WindowsPath',
  'numpy.dtype',
  'numpy.ndarray',
  'numpy.core.multiarray.scalar',
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray.scalar',
  'numpy._core.multiarray._reconstruct',
  'torch.device',
  ...['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'].map((name) => `torch.${name}`),
]);

/** Lightning's callbacks (dictionary keys), OmegaConf's hyperparameters, optimizer and scheduler classes, TorchScript's own classes. */
const INERT_MODULES = [
  'pytorch_lightning.',
  'lightning.',
  'lightning_fabric.',
  'omegaconf.',
  'torch.optim.',
  'ldm.lr_scheduler.',
  '__torch__.',
];

/** @returns undefined for a name that is not allowed */
export function meaningOfGlobal(module: string, name: string): GlobalMeaning | undefined {
  const full = `${module}.${name}`;
  const known = Object.hasOwn(KNOWN, full) ? KNOWN[full] : undefined;
  if (known !== undefined) return known;
  if ((module === 'torch' || module === 'torch.cuda') && Object.hasOwn(STORAGES, name)) return { kind: 'storage', dtype: STORAGES[name]! };
  if (module === '__torch__' || INERT.has(full) || INERT_MODULES.some((prefix) => full.startsWith(prefix))) return { kind: 'inert' };
  return undefined;
}
