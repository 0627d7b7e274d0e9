import {
  BoxGeometry,
  type BufferGeometry,
  CatmullRomCurve3,
  Euler,
  LatheGeometry,
  Matrix4,
  Quaternion,
  SplineCurve,
  TubeGeometry,
  Vector2,
  Vector3,
} from 'three';
import { RoundedBoxGeometry } from 'three/addons/geometries/RoundedBoxGeometry.js';
import type { Dice } from '../dice.ts';
import { type Colour, drawTexture, randomColour } from './texture.ts';

/** How a part looks: a plain colour, or a drawn texture under white. */
export interface Look {
  colour: Colour;
  texture: OffscreenCanvas | null;
}

/** A geometry with its placement baked in. +Y up, any unit: the renderer normalises the whole. */
export interface Part extends Look {
  geometry: BufferGeometry;
}

export type Point2 = [number, number];
export type Point3 = [number, number, number];

export interface Placement {
  at?: Point3;
  /** Euler angles in radians. */
  turn?: Point3;
  scale?: Point3;
}

/** @param textured how often it has a texture */
export function surface(r: Dice, textured = 0.55): Look {
  return r.chance(textured) ? { colour: [1, 1, 1], texture: drawTexture(r) } : { colour: randomColour(r), texture: null };
}

export function part(geometry: BufferGeometry, look: Look, { at = [0, 0, 0], turn = [0, 0, 0], scale = [1, 1, 1] }: Placement = {}): Part {
  const matrix = new Matrix4().compose(new Vector3(...at), new Quaternion().setFromEuler(new Euler(...turn)), new Vector3(...scale));
  return { geometry: geometry.applyMatrix4(matrix), ...look };
}

/** Body of revolution about y of a profile (radius, height). */
export function lathe(points: readonly Point2[], segments = 40): BufferGeometry {
  return new LatheGeometry(
    points.map(([x, y]) => new Vector2(Math.max(x, 0.0005), y)),
    segments,
  );
}

/** Smooth profile through control points. */
export function smooth(points: readonly Point2[], n = 36): Point2[] {
  return new SplineCurve(points.map(([x, y]) => new Vector2(x, y))).getPoints(n).map((p) => [p.x, p.y]);
}

export function tube(points: readonly Point3[], radius: number, segments = 28): BufferGeometry {
  return new TubeGeometry(new CatmullRomCurve3(points.map((p) => new Vector3(...p))), segments, radius, 10, false);
}

export function box(w: number, h: number, d: number, r: Dice): BufferGeometry {
  return r.chance(0.4) ? new RoundedBoxGeometry(w, h, d, 3, Math.min(w, h, d) * r.range(0.05, 0.45)) : new BoxGeometry(w, h, d);
}

/** A handle in the plane of x and y, turned about y at random. */
export function handle(r: Dice, radius: number, y0: number, y1: number, look: Look, thick = 0.05): Part {
  const reach = radius + r.range(0.18, 0.4) * (y1 - y0 + 0.2),
    turn = r.range(0, 6.283),
    t = thick * r.range(0.7, 1.3);
  const points: Point3[] = r.chance(0.3)
    ? [
        [radius * 0.95, y0, 0],
        [reach, y0, 0],
        [reach, y1, 0],
        [radius * 0.95, y1, 0],
      ]
    : [
        [radius * 0.95, y0, 0],
        [reach * 0.93, y0 * 0.9 + y1 * 0.1, 0],
        [reach, (y0 + y1) / 2, 0],
        [reach * 0.93, y0 * 0.1 + y1 * 0.9, 0],
        [radius * 0.95, y1, 0],
      ];
  return part(tube(points, t), look, { turn: [0, turn, 0] });
}
