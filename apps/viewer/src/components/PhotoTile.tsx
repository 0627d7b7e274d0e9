import type { Crop } from '@gestalt3d/core';
import type { Size } from '../lib/geometry.ts';
import { PhotoCrop } from './PhotoCrop.tsx';

interface Props {
  url: string;
  photo: Size;
  /** Known once the completions are finished. */
  crop: Crop | undefined;
}

/** The photograph beside its completions, in the same frame. */
export function PhotoTile({ url, photo, crop }: Props) {
  return (
    <div className="completion photo-tile">
      {crop ? (
        <PhotoCrop url={url} photo={photo} crop={crop} />
      ) : (
        <span className="picture">
          <img className="cover" src={url} alt="" />
        </span>
      )}
      <span className="completion-caption">In the photo</span>
    </div>
  );
}
