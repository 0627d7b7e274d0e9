import { Euler, Matrix4 } from 'three';
import type { Family } from '../../families.ts';
import { createDice, type Dice } from '../dice.ts';
import { composition } from './composition.ts';
import { compound } from './compound.ts';
import { bottle, bowl, mug, teapot, vase } from './containers.ts';
import { boxes, chair, lamp, table } from './furnishings.ts';
import type { Part } from './part.ts';
import { fruit, toy } from './toys.ts';

const MAKERS: Readonly<Record<Family, (r: Dice) => Part[]>> = {
  composition,
  mug,
  bottle,
  vase,
  bowl,
  lamp,
  table,
  chair,
  teapot,
  toy,
  fruit,
  boxes,
  compound,
};

/** The parts of one object; the same family and seed always give the same. */
export function makeProcedural(family: Family, seed: number): Part[] {
  const r = createDice(seed);
  const parts = MAKERS[family](r);
  if (r.chance(0.15) && family !== 'table' && family !== 'chair') {
    // lying or leaning
    const turn = new Matrix4().makeRotationFromEuler(new Euler(r.range(-1.6, 1.6), 0, r.range(-1.6, 1.6)));
    for (const { geometry } of parts) geometry.applyMatrix4(turn);
  }
  return parts;
}
