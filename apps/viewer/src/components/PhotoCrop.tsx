import type { Crop } from '@gestalt3d/core';
import type { Size } from '../lib/geometry.ts';

interface Props {
  url: string;
  photo: Size;
  crop: Crop;
  caption?: boolean;
}

/** The square of the photograph that the completions look at, as a picture. */
export function PhotoCrop({ url, photo, crop, caption = true }: Props) {
  const percent = (value: number): string => `${(value / crop.size) * 100}%`;
  return (
    <figure className="photo-crop">
      <div>
        <img
          src={url}
          alt="The photo around the object"
          style={{ left: percent(-crop.x), top: percent(-crop.y), width: percent(photo.width), height: percent(photo.height) }}
        />
      </div>
      {caption && <figcaption className="quiet">In the photo</figcaption>}
    </figure>
  );
}
