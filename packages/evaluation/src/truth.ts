import { type Mesh, type RgbImage, rigCameras } from '@gestalt3d/core';
import { NearestPoint } from './metrics/nearest.ts';
import { type Occupancy, occupancyByParity, Solid } from './metrics/occupancy.ts';
import { type Points, visiblePoints } from './metrics/points.ts';
import { type EvaluationSample, over, plain } from './samples/make-sample.ts';
import { renderModel } from './samples/render-model.ts';

/** Pixels along each side of the novel views that are compared. Source: SyncDreamer, eval_nvs.py. */
export const NOVEL_VIEW_SIZE = 256;

/** What a sample's reconstructions are measured against. */
export interface Truth {
  points: Points;
  nearest: NearestPoint;
  occupancy: Occupancy;
  parity: Occupancy;
  /** On white, from the 16 rig cameras. */
  views: RgbImage[];
}

export function truthOf({ truth, light }: Pick<EvaluationSample, 'truth' | 'light'>): Truth {
  const mesh: Mesh = truth;
  const points = visiblePoints(mesh);
  return {
    points,
    nearest: new NearestPoint(points),
    occupancy: new Solid(mesh).occupancy(),
    parity: occupancyByParity(mesh),
    views: rigCameras(NOVEL_VIEW_SIZE).map((camera) =>
      over(renderModel(truth, camera, light), plain(NOVEL_VIEW_SIZE, NOVEL_VIEW_SIZE, WHITE)),
    ),
  };
}

export const WHITE: readonly [number, number, number] = [255, 255, 255];
