import { breathe, type Mesh } from '@gestalt3d/core';
import { checkSolid, type SolidCheck, type SolidChecker } from './check-solid.ts';
import { CLEAN_DEFAULTS, type CleanReport, cleanMesh } from './clean.ts';
import { makeSolid, SOLID_DEFAULTS, type Solid } from './make-solid.ts';
import { SIMPLIFY_DEFAULTS, SMOOTH_DEFAULTS, simplifySound, smoothMesh, smoothSound } from './simplify.ts';

export interface ShapeOptions {
  /** Triangles at most. Missed where fewer would deviate by more than 5 % or, in a sound mesh, make it unsound. */
  triangles: number;
  /** Rounds of Taubin smoothing before simplification, 0 for none. */
  smooth: number;
  /** A separate part stays when its volume is at least this share of the largest part's. */
  minVolumeShare: number;
  /** What a full step from black to white costs simplification, as a share of the longest side. */
  colorWeight: number;
  /** Repairs what is not sound, at the price of a surface that is built anew. */
  solid: boolean;
  /** As in SolidOptions. */
  checker: SolidChecker;
  signal?: AbortSignal;
}

export const SHAPE_DEFAULTS: Readonly<ShapeOptions> = {
  triangles: SIMPLIFY_DEFAULTS.triangles,
  smooth: 12,
  minVolumeShare: CLEAN_DEFAULTS.minVolumeShare,
  colorWeight: SIMPLIFY_DEFAULTS.colorWeight,
  solid: false,
  checker: checkSolid,
};

export interface Shape {
  /** Without normals, texture and texture coordinates. */
  mesh: Mesh;
  check: SolidCheck;
  clean: CleanReport;
  /** Achieved deviation of simplification as a share of the longest side. */
  simplifyError: number;
  /** What the repair did; `none` when none was asked for or needed. */
  repair: 'none' | Solid['how'];
  /** As in Solid. */
  lost: number;
}

/**
 * From marching cubes to the surface of an asset: clean, smooth, simplify, and never less sound than it came: where smoothing or simplifying would
 * break a sound surface, that place stays finer. With `solid`, what came unsound is repaired (makeSolid).
 * @throws as cleanMesh and makeSolid; the signal's reason
 */
export async function shapeMesh(mesh: Mesh, options: Readonly<ShapeOptions> = SHAPE_DEFAULTS): Promise<Shape> {
  const { signal = new AbortController().signal } = options;
  const { mesh: cleaned, report: clean } = cleanMesh(mesh, options);
  await breathe(signal);
  const smoothing = { ...SMOOTH_DEFAULTS, iterations: options.smooth };
  const smooth =
    options.smooth === 0 ? cleaned : options.checker(cleaned).sound ? smoothSound(cleaned, smoothing) : smoothMesh(cleaned, smoothing);
  await breathe(signal);
  const budget = { ...SIMPLIFY_DEFAULTS, triangles: options.triangles, colorWeight: options.colorWeight };
  const simplified = await simplifySound(smooth, budget, options.checker);
  await breathe(signal);
  if (simplified.check.sound || !options.solid)
    return { mesh: simplified.mesh, check: simplified.check, clean, simplifyError: simplified.error, repair: 'none', lost: 0 };
  const solid = await makeSolid(smooth, { ...SOLID_DEFAULTS, triangles: options.triangles, checker: options.checker, signal });
  const { normals: _, ...plain } = solid.mesh;
  return { mesh: plain, check: solid.check, clean, simplifyError: 0, repair: solid.how, lost: solid.lost };
}
