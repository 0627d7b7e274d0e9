import type { GlobalMeaning } from './pickle-globals.ts';
import type { TensorStorage, TensorView } from './tensor.ts';

/** A name that the pickle mentions. */
export class PickleGlobal {
  readonly name: string;
  readonly meaning: GlobalMeaning;
  constructor(name: string, meaning: GlobalMeaning) {
    this.name = name;
    this.meaning = meaning;
  }
}

/** An instance of a class that is not interpreted: its name, and the state that was given to it. */
export class PickleObject {
  readonly global: string;
  state: PickleValue = null;
  constructor(global: string) {
    this.global = global;
  }
}

export class PickleStorage {
  readonly storage: TensorStorage;
  constructor(storage: TensorStorage) {
    this.storage = storage;
  }
}

export class PickleTensor {
  readonly view: TensorView;
  constructor(view: TensorView) {
    this.view = view;
  }
}

/** Lists, tuples and sets are arrays; dictionaries are Maps. Containers may hold themselves. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleGlobal
  | PickleObject
  | PickleStorage
  | PickleTensor;
