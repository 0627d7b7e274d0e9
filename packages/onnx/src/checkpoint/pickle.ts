import { CheckpointDamagedError, CheckpointUnsafeError } from './errors.ts';
import { meaningOfGlobal } from './pickle-globals.ts';
import { PickleGlobal, PickleObject, PickleStorage, PickleTensor, type PickleValue } from './pickle-value.ts';
import type { TensorStorage } from './tensor.ts';

export interface PickleOptions {
  /** For messages. */
  file: string;
  /** Checks a storage that the pickle names against the file. @throws CheckpointDamagedError */
  storage(key: string, dtype: TensorStorage['dtype'], length: number): TensorStorage;
}

/** A pickle of the largest known checkpoint has 60,000 steps; these bounds keep hostile ones below 300 MB. */
const MAX_STEPS = 4_000_000;
const MAX_CONTAINERS = 500_000;
const MAX_RANK = 8;
const MAX_INTEGER_BYTES = 32;

/**
 * Interprets a pickle (protocols 2 to 5) as data. Only tensors, containers, numbers and strings are built; classes on a fixed list become inert
 * records; any other global is an error; nothing is imported or called.
 * @throws CheckpointUnsafeError naming a global that is not allowed, CheckpointDamagedError for a malformed or outsized stream
 */
export function readPickle(bytes: Uint8Array, options: PickleOptions): PickleValue {
  return new Machine(bytes, options).run();
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: PickleOptions;
  readonly #memo = new Map<number, PickleValue>();
  readonly #marks: number[] = [];
  readonly #stack: PickleValue[] = [];
  #at = 0;
  #containers = 0;
  #copied = 0;

  constructor(bytes: Uint8Array, options: PickleOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
  }

  run(): PickleValue {
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const opcode = this.#byte();
      if (opcode === 0x2e) return this.#pop(); // STOP
      this.#step(opcode);
    }
    return this.#fail(`a pickle of at most ${MAX_STEPS} steps`, 'a longer one');
  }

  #step(opcode: number): void {
    const stack = this.#stack;
    switch (opcode) {
      case 0x80: // PROTO
        if (this.#byte() > 5) this.#fail('a pickle of protocol 2 to 5', 'a later protocol');
        return;
      case 0x95: // FRAME
        this.#take(8);
        return;
      case 0x28: // MARK
        this.#marks.push(stack.length);
        return;
      case 0x30: // POP
        if (this.#marks.at(-1) === stack.length) this.#marks.pop();
        else this.#pop();
        return;
      case 0x31: // POP_MARK
        this.#popMark();
        return;
      case 0x32: // DUP
        stack.push(this.#top());
        return;

      // numbers, strings, bytes
      case 0x4e: // NONE
        stack.push(null);
        return;
      case 0x88: // NEWTRUE
        stack.push(true);
        return;
      case 0x89: // NEWFALSE
        stack.push(false);
        return;
      case 0x4b: // BININT1
        stack.push(this.#byte());
        return;
      case 0x4d: // BININT2
        stack.push(this.#view.getUint16(this.#take(2), true));
        return;
      case 0x4a: // BININT
        stack.push(this.#view.getInt32(this.#take(4), true));
        return;
      case 0x8a: // LONG1
        stack.push(this.#integer(this.#byte()));
        return;
      case 0x8b: // LONG4
        stack.push(this.#integer(this.#view.getInt32(this.#take(4), true)));
        return;
      case 0x47: // BINFLOAT
        stack.push(this.#view.getFloat64(this.#take(8), false));
        return;
      case 0x58: // BINUNICODE
        stack.push(this.#text(this.#view.getUint32(this.#take(4), true)));
        return;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(this.#text(this.#byte()));
        return;
      case 0x8d: // BINUNICODE8
        stack.push(this.#text(this.#length8()));
        return;
      case 0x55: // SHORT_BINSTRING
        stack.push(this.#text(this.#byte()));
        return;
      case 0x54: // BINSTRING
        stack.push(this.#text(this.#view.getUint32(this.#take(4), true)));
        return;
      case 0x43: // SHORT_BINBYTES
        stack.push(this.#blob(this.#byte()));
        return;
      case 0x42: // BINBYTES
        stack.push(this.#blob(this.#view.getUint32(this.#take(4), true)));
        return;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(this.#blob(this.#length8()));
        return;

      // containers
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
      case 0x8f: // EMPTY_SET
        stack.push(this.#made([]));
        return;
      case 0x7d: // EMPTY_DICT
        stack.push(this.#made(new Map()));
        return;
      case 0x6c: // LIST
      case 0x74: // TUPLE
      case 0x91: // FROZENSET
        stack.push(this.#made(this.#popMark()));
        return;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        stack.push(this.#made(this.#popMany(opcode - 0x84)));
        return;
      case 0x64: // DICT
        this.#setItems(this.#popMark(), this.#made(new Map()), true);
        return;
      case 0x61: // APPEND
        this.#append([this.#pop()]);
        return;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.#append(this.#popMark());
        return;
      case 0x73: // SETITEM
        this.#setItems(this.#popMany(2), this.#top(), false);
        return;
      case 0x75: // SETITEMS
        this.#setItems(this.#popMark(), undefined, false);
        return;

      // memo
      case 0x68: // BINGET
        stack.push(this.#recall(this.#byte()));
        return;
      case 0x6a: // LONG_BINGET
        stack.push(this.#recall(this.#view.getUint32(this.#take(4), true)));
        return;
      case 0x71: // BINPUT
        this.#memo.set(this.#byte(), this.#top());
        return;
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#view.getUint32(this.#take(4), true), this.#top());
        return;
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        return;

      // objects
      case 0x63: // GLOBAL
        stack.push(this.#global(this.#line(), this.#line()));
        return;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') this.#fail('a module and a name', 'other values');
        stack.push(this.#global(module as string, name as string));
        return;
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const [callable, args] = this.#popMany(2);
        stack.push(this.#apply(callable!, args!));
        return;
      }
      case 0x92: {
        // NEWOBJ_EX
        const [callable, args] = this.#popMany(3);
        stack.push(this.#apply(callable!, args!));
        return;
      }
      case 0x62: {
        // BUILD: the state of an inert object is kept, attributes of anything else (an OrderedDict's _metadata) are dropped
        const state = this.#pop();
        const target = this.#top();
        if (target instanceof PickleObject) target.state = state;
        else if (!(target instanceof Map) && !(target instanceof PickleTensor)) this.#fail('an object to give a state to', 'another value');
        return;
      }
      case 0x51: // BINPERSID
        stack.push(this.#persistent(this.#pop()));
        return;
      default:
        this.#fail('a pickle as PyTorch writes it', `the opcode 0x${opcode.toString(16)} at byte ${this.#at - 1}`);
    }
  }

  #apply(callable: PickleValue, args: PickleValue): PickleValue {
    if (!(callable instanceof PickleGlobal) || !Array.isArray(args)) return this.#fail('a known class with arguments', 'other values');
    switch (callable.meaning.kind) {
      case 'ordered-dict':
        return this.#orderedDict(args);
      case 'tensor':
        return this.#tensor(args);
      case 'first-argument':
        return args[0] ?? this.#fail(`an argument of ${callable.name}`, 'none');
      case 'storage':
        return this.#fail('a storage by its persistent id', callable.name);
      case 'inert':
        return this.#made(new PickleObject(callable.name));
    }
  }

  #orderedDict(args: PickleValue[]): PickleValue {
    const result = this.#made(new Map<PickleValue, PickleValue>());
    const pairs = args[0] ?? [];
    if (!Array.isArray(pairs)) return this.#fail('a list of pairs', 'another value');
    // one list may be named many times: its copies count
    this.#copied += pairs.length;
    if (this.#copied > MAX_STEPS) this.#fail(`at most ${MAX_STEPS} copied items`, 'more');
    for (const pair of pairs) {
      if (!Array.isArray(pair) || pair.length !== 2) return this.#fail('a key and a value', 'another value');
      result.set(pair[0]!, pair[1]!);
    }
    return result;
  }

  #tensor(args: PickleValue[]): PickleValue {
    const [storage, offset, size, strides] = args;
    if (!(storage instanceof PickleStorage)) return this.#fail('a tensor with a storage', 'another value');
    const { length } = storage.storage;
    if (!isSizes(size) || !isSizes(strides) || size.length !== strides.length || size.length > MAX_RANK || !isSize(offset))
      return this.#fail(
        `a tensor of at most ${MAX_RANK} dimensions with sizes and strides that are not negative`,
        describe([offset!, size!, strides!]),
      );
    // products of sizes up to 2^53 stay ordered as floats; only small ones pass
    const count = size.reduce((product, n) => product * n, 1);
    const last = count === 0 ? 0 : size.reduce((sum, n, axis) => sum + (n - 1) * strides[axis]!, offset + 1);
    if (count > length || last > length)
      return this.#fail(`a tensor inside its storage of ${length} elements`, describe([offset, size, strides]));
    return this.#made(new PickleTensor({ storage: storage.storage, shape: [...size], strides: [...strides], offset }));
  }

  #persistent(id: PickleValue): PickleValue {
    if (!Array.isArray(id)) return this.#fail('a storage id', 'another value');
    const [tag, type, key, , length] = id;
    if (
      tag !== 'storage' ||
      !(type instanceof PickleGlobal) ||
      type.meaning.kind !== 'storage' ||
      typeof key !== 'string' ||
      !isSize(length)
    )
      return this.#fail('a storage id: tag, type, key, location, length', 'other values');
    return this.#made(new PickleStorage(this.#options.storage(key, type.meaning.dtype, length)));
  }

  #global(module: string, name: string): PickleGlobal {
    const meaning = meaningOfGlobal(module, name);
    if (meaning === undefined) throw new CheckpointUnsafeError(this.#options.file, `${module}.${name}`.slice(0, 200));
    return this.#made(new PickleGlobal(`${module}.${name}`, meaning));
  }

  #append(items: PickleValue[]): void {
    const target = this.#top();
    if (Array.isArray(target)) for (const item of items) target.push(item);
    else if (!(target instanceof PickleObject)) this.#fail('a list to append to', 'another value');
  }

  /** @param target undefined: what lies on the stack below the items */
  #setItems(items: PickleValue[], target: PickleValue | undefined, push: boolean): void {
    const into = target ?? this.#top();
    if (items.length % 2 !== 0) this.#fail('keys and values in pairs', 'an odd number of them');
    if (into instanceof Map) for (let i = 0; i < items.length; i += 2) into.set(items[i]!, items[i + 1]!);
    else if (!(into instanceof PickleObject)) this.#fail('a dictionary to set items of', 'another value');
    if (push) this.#stack.push(into);
  }

  #recall(index: number): PickleValue {
    return this.#memo.get(index) ?? (this.#memo.has(index) ? null : this.#fail('a memo that was filled', `number ${index}, which was not`));
  }

  #made<T extends PickleValue>(value: T): T {
    if (++this.#containers > MAX_CONTAINERS) this.#fail(`a pickle of at most ${MAX_CONTAINERS} objects`, 'more');
    return value;
  }

  #top(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) this.#fail('a value on the stack', 'none');
    return this.#stack.at(-1)!;
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.length--;
    return value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) this.#fail(`${count} values on the stack`, 'fewer');
    return this.#stack.splice(this.#stack.length - count);
  }

  #popMark(): PickleValue[] {
    const mark = this.#marks.pop() ?? this.#fail('a mark on the stack', 'none');
    return this.#stack.splice(mark);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length < 0 || at + length > this.#bytes.length) this.#fail('a whole pickle', 'one that ends in the middle');
    this.#at = at + length;
    return at;
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  #length8(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  #text(length: number): string {
    const at = this.#take(length);
    return new TextDecoder().decode(this.#bytes.subarray(at, at + length));
  }

  #blob(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0 || end - this.#at > 1000) this.#fail('a name of at most 1000 bytes', 'a longer one');
    const text = this.#text(end - this.#at);
    this.#at++;
    return text;
  }

  /** Little-endian two's complement. */
  #integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) this.#fail(`an integer of at most ${MAX_INTEGER_BYTES} bytes`, `${length} bytes`);
    const at = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[at + i]!);
    const signed = BigInt.asIntN(8 * length, value);
    const small = Number(signed);
    return Number.isSafeInteger(small) ? small : signed;
  }

  #fail(expected: string, got: string): never {
    throw new CheckpointDamagedError(this.#options.file, expected, got);
  }
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.every(isSize);
}

function describe([offset, size, strides]: PickleValue[]): string {
  const show = (value: PickleValue | undefined): string =>
    Array.isArray(value)
      ? `[${value.slice(0, 9).map(show).join(', ')}]`
      : typeof value === 'number' || typeof value === 'bigint'
        ? String(value)
        : 'no number';
  return `sizes ${show(size)}, strides ${show(strides)}, offset ${show(offset)}`;
}
