import { cameraOfFrame, frameOfCamera, type MultiView, type Transforms, type TransformsFrame, type View } from '@gestalt3d/core';
import { type ArtifactFormat, fromJson, toJson } from './artifact-format.ts';

/** Our `transforms.json`: the NeRF layout plus what only a photograph has. Readers of the NeRF layout ignore the rest. */
export interface GestaltTransforms extends Transforms {
  elevation_deg?: number;
  /** Camera of the photograph, same world frame. */
  photo?: TransformsFrame;
}

const viewName = (index: number): string => `views/${String(index).padStart(3, '0')}.png`;

export const multiViewFormat: ArtifactFormat<MultiView> = {
  async save(value, codec) {
    const files = new Map<string, Uint8Array>();
    const transforms: GestaltTransforms = { elevation_deg: value.elevationDeg, frames: [] };
    for (const [i, view] of value.views.entries()) {
      files.set(viewName(i), await codec.encodePng(view.image));
      transforms.frames.push(frameOfCamera(viewName(i), view.camera));
    }
    if (value.photoCamera) transforms.photo = frameOfCamera('input.png', value.photoCamera);
    return files.set('transforms.json', toJson(transforms));
  },
  async load(read, codec) {
    const transforms = fromJson<GestaltTransforms>(await read('transforms.json'));
    const views: View[] = [];
    for (const [i, frame] of transforms.frames.entries()) {
      const image = await codec.decode(await read(frame.file_path), frame.file_path);
      views.push({ image, camera: cameraOfFrame(transforms, i, image) });
    }
    const result: MultiView = { views, elevationDeg: transforms.elevation_deg ?? 0 };
    if (transforms.photo) {
      const { w, h } = transforms.photo;
      result.photoCamera = cameraOfFrame({ frames: [transforms.photo] }, 0, { width: w!, height: h! });
    }
    return result;
  },
};
