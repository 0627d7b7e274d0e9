import type { Asset } from '@gestalt3d/core';
import { type ArtifactFormat, fromJson, toJson } from './artifact-format.ts';

/** The stored asset is the GLB; its mesh is not read back, because nothing comes after it. */
export type StoredAsset = Omit<Asset, 'mesh'> & { mesh?: Asset['mesh'] };

export const assetFormat: ArtifactFormat<StoredAsset> = {
  save: async (value) =>
    new Map([
      ['asset.glb', value.glb],
      ['report.json', toJson(value.report)],
      ...(value.print
        ? ([
            ['asset.stl', value.print.stl],
            ['asset.3mf', value.print.threeMf],
          ] as const)
        : []),
    ]),
  load: async (read) => ({ glb: await read('asset.glb'), report: fromJson(await read('report.json')) }),
};
