import type { Crop } from '@gestalt3d/core';
import type { Size } from '../lib/geometry.ts';

interface Props {
  url: string;
  photo: Size;
  crop: Crop;
}

/** The square of the photograph that the completions look at. */
export function PhotoCrop({ url, photo, crop }: Props) {
  const percent = (value: number): string => `${(value / crop.size) * 100}%`;
  return (
    <div className="photo-crop">
      <img
        src={url}
        alt="The object with what hides it"
        style={{ left: percent(-crop.x), top: percent(-crop.y), width: percent(photo.width), height: percent(photo.height) }}
      />
    </div>
  );
}
