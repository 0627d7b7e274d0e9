import type { ObjectEntry } from './job.ts';

/** One sample scene: a floor, a wall, a lamp, and two objects of which the second hides a part of the first. World units are metres. */
export interface SceneSpec {
  /** Vertical field of view, degrees. */
  fov: number;
  eye: [number, number, number];
  target: [number, number, number];
  light: [number, number, number];
  floor: string;
  wall: string;
  /** The hidden object comes first. Yaw in degrees about +Y, size of the longest side, place on the floor. */
  objects: { entry: ObjectEntry; yaw: number; size: number; x: number; z: number }[];
}

export interface MadeScene {
  /** Data URLs: JPEG, then PNG. */
  photo: string;
  whole: string;
  modal: string;
  amodal: string;
  /** Binary glTF, base64. */
  glb: string;
  facts: Record<string, unknown>;
}
