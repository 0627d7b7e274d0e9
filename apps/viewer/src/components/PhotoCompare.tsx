import type { Crop } from '@gestalt3d/core';
import { useState } from 'react';
import type { Size } from '../lib/geometry.ts';
import { PhotoCrop } from './PhotoCrop.tsx';

export interface PhotoInCrop {
  url: string;
  photo: Size;
  crop: Crop;
}

/** The photograph over the mesh, seen from the photograph's own camera; a slider fades between them. */
export function PhotoCompare(photo: PhotoInCrop) {
  const [opacity, setOpacity] = useState(0);
  return (
    <>
      <div className="compare-photo" style={{ opacity }}>
        <PhotoCrop {...photo} />
      </div>
      <label className="compare-slider" onPointerDown={(event) => event.stopPropagation()}>
        <span>Mesh</span>
        <input
          type="range"
          min={0}
          max={1}
          step={0.01}
          value={opacity}
          aria-label="Fade from the mesh to the photo"
          onChange={(event) => setOpacity(event.target.valueAsNumber)}
          onKeyDown={(event) => event.stopPropagation()}
          data-testid="compare"
        />
        <span>Photo</span>
      </label>
    </>
  );
}
