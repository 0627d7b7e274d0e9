import type { Dice } from './dice.ts';

type Vector = [number, number, number];

/** Light fixed to the object. Intensities multiply a linear albedo. */
export interface Lighting {
  sky: Vector;
  ground: Vector;
  /** Unit vectors towards three lights. */
  directions: [Vector, Vector, Vector];
  colours: [Vector, Vector, Vector];
  /** 0 (matt) .. 0.4 */
  gloss: number;
}

/** From a dull day to one lamp from the side, warm or cold. */
export function drawLighting(r: Dice): Lighting {
  const ambient = r.range(0.35, 0.8);
  const hard = r.chance(0.3);
  const warm = r.range(-0.12, 0.12);
  const one = (power: number, tint: number): { direction: Vector; colour: Vector } => {
    const angle = r.range(0, 2 * Math.PI);
    const up = r.range(0.05, 0.95);
    const flat = Math.sqrt(1 - up * up);
    return { direction: [Math.cos(angle) * flat, up, Math.sin(angle) * flat], colour: [power * (1 + tint), power, power * (1 - tint)] };
  };
  const lights = [
    one(hard ? r.range(0.6, 1.1) : r.range(0.2, 0.65), warm),
    one(r.range(0, 0.25), -warm / 2),
    one(r.range(0, 0.25), r.range(-0.08, 0.08)),
  ] as const;
  const shade = ambient * r.range(0.4, 0.85);
  return {
    sky: [ambient * (1 - warm / 3), ambient, ambient * (1 + warm / 3)],
    ground: [shade * r.range(0.95, 1.1), shade, shade * r.range(0.85, 1.05)],
    directions: [lights[0].direction, lights[1].direction, lights[2].direction],
    colours: [lights[0].colour, lights[1].colour, lights[2].colour],
    gloss: r.chance(0.4) ? r.range(0, 0.4) : 0,
  };
}
