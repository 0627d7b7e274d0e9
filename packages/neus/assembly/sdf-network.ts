import { at4, ROW } from './chunk';
import { dense4, dot32, transpose } from './dense';
import * as S from './state';

/** Transposed weights for the backward pass; after every change of the parameters. */
export function prepare(): void {
  transpose(S.params + S.W1, S.SDF_IN, 32, S.W1T, 20);
  transpose(S.params + S.W2, 32, 16, S.W2T, 32);
  transpose(S.params + S.C1, S.COLOR_IN, 32, S.C1T, 20);
  transpose(S.params + S.C2, 32, 32, S.C2T, 32);
  transpose(S.params + S.C3, 32, 4, S.C3T, 32);
}

/** SDF of rows [row, row + 4), whose inputs are encoded; fills H and F. */
export function sdf4(row: i32): void {
  const h = S.H + <usize>row * 128;
  dense4(S.X + <usize>row * ROW, ROW, S.params + S.W1, S.SDF_IN, 32, S.params + S.B1, h, 128, true);
  const bias = load<f32>(S.params + S.B2);
  const f = at4(S.F, row);
  store<f32>(f, dot32(h, S.W2T, bias));
  store<f32>(f, dot32(h + 128, S.W2T, bias), 4);
  store<f32>(f, dot32(h + 256, S.W2T, bias), 8);
  store<f32>(f, dot32(h + 384, S.W2T, bias), 12);
}
