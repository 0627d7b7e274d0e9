import type { WeightSource } from '@gestalt3d/onnx';
import { toFloat16Bits } from '@gestalt3d/onnx';

/** Numbers from a name: the twin of `seeded` and `seeded_input` in fixtures/make.py, bit for bit. */
function uniform(name: string, count: number, gain: number, centre: number): Float32Array {
  let seed = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193) >>> 0;
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let x = Math.imul(i, 0x9e3779b9) + seed;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    values[i] = (((x ^ (x >>> 15)) >>> 0) / 2147483648 - 1) * gain + centre;
  }
  return values;
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export function seededWeight(name: string, shape: readonly number[]): Float32Array {
  if (shape.length >= 2) return uniform(name, product(shape), Math.sqrt(3 / product(shape.slice(1))), 0);
  return uniform(name, product(shape), 0.1, name.endsWith('weight') ? 1 : 0);
}

export function seededInput(name: string, shape: readonly number[]): Float32Array {
  return uniform(`input:${name}`, product(shape), Math.sqrt(3), 0);
}

export function parseInventory(text: string): Map<string, number[]> {
  return new Map(
    text.split('\n').map((line) => {
      const [name, dims] = line.split(' ');
      return [name!, dims ? dims.split(',').map(Number) : []];
    }),
  );
}

/** Seeded weights with the names and shapes of a module's state dictionary; remembers which were asked for. */
export function seededWeights(inventory: Map<string, number[]>): WeightSource & { asked: Set<string> } {
  const asked = new Set<string>();
  return {
    name: 'seeded',
    asked,
    shapeOf(key) {
      asked.add(key);
      return inventory.get(key);
    },
    async *stream(key, dtype) {
      const values = seededWeight(key, inventory.get(key)!);
      if (dtype === 'float32') yield new Uint8Array(values.buffer);
      else {
        const halves = new Uint16Array(values.length);
        toFloat16Bits(values, halves);
        yield new Uint8Array(halves.buffer);
      }
    },
  };
}
