import type { Family } from './families.ts';

export type Split = 'train' | 'val' | 'test';

/** One object to be learnt from. */
export interface ObjectEntry {
  id: string;
  split: Split;
  name: string;
  licence: string;
  author: string;
  /** Package and version, or this repository. */
  package: string;
  source: { kind: 'obj'; model: string; rotation?: number[] } | { kind: 'procedural'; family: Family; seed: number };
}

/** What the page renders next. */
export interface RenderJob extends ObjectEntry {
  /** Position in the list of all objects. */
  index: number;
  /** Seeds yaw, light and cameras. */
  viewSeed: number;
}

export interface Layout {
  /** Input views an object. */
  inputs: number;
  /** Side of an input view. */
  pixels: number;
  /** Side of a rig view. */
  rigPixels: number;
}

/** One input view. Angles in degrees, in the frame of the rig. */
export interface ViewInfo {
  /** Azimuth is 22.5 step: rig view j relative to this view is rig view (step + j) mod 16. */
  step: number;
  elevationDeg: number;
  /** The camera is turned counter-clockwise by this, so the picture lies clockwise. */
  rollDeg: number;
  /** From the origin; the object's longest side is 1. */
  distance: number;
  /** Focal length in widths of the picture. */
  focal: number;
  /** Share of the picture inside the object. */
  coverage: number;
  /** Touches the border of the picture. */
  clipped: boolean;
}

export interface RenderedInfo {
  /** Turn of the object about +Y before it was normalised, degrees, counter-clockwise from above. */
  yawDeg: number;
  /** Stray triangles dropped. */
  stray: number;
  triangles: number;
  views: ViewInfo[];
}

/** SyncDreamer's rig: 16 cameras at one elevation, 22.5 degrees apart, that see longest side 1 at 280/256 widths of focal length. */
export const RIG = { count: 16, stepDeg: 22.5, elevationDeg: 30, distance: 1.5, focal: 280 / 256 } as const;

/** Bytes of an input view in what the page sends: RGBA, front and back depth (16 bit), RGBA from behind. */
export const BYTES_PER_PIXEL = 4 + 2 + 2 + 4;
