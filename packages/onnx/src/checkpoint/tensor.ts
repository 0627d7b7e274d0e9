import type { TensorDtype } from './dtype.ts';

/** A run of elements in the file. Several tensors may look into one. */
export interface TensorStorage {
  /** Unique inside the checkpoint. */
  readonly key: string;
  readonly dtype: TensorDtype;
  /** Elements. */
  readonly length: number;
}

/** A view into a storage: element (i, j, ...) lies at offset + i strides[0] + j strides[1] + ... All in elements. */
export interface TensorView {
  readonly storage: TensorStorage;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** True when the elements follow each other in row-major order. */
export function isContiguous({ shape, strides }: TensorView): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}
