import {
  type CompletionSet,
  type Mask,
  type Mesh,
  type MultiView,
  orbitCamera,
  type Prompt,
  type RgbaImage,
  type RgbImage,
} from '@gestalt3d/core';
import { drawPrompt, makeContactSheet, normaliseMesh, renderMesh, type SheetRow } from '@gestalt3d/mesh';

export interface ContactSheetInput {
  photo: { image: RgbaImage; prompt: Prompt; mask: Mask } | undefined;
  completions: CompletionSet | undefined;
  /** Index of the completion that became 3D. */
  chosen: number;
  multiView: MultiView;
  mesh: Mesh;
}

const TILE = 256;

/** One picture of the whole run: prompt and mask, completions, views, and the mesh from four sides. */
export function drawContactSheet({ photo, completions, chosen, multiView, mesh }: ContactSheetInput): RgbImage {
  const rows: SheetRow[] = [];
  if (photo && completions)
    rows.push({
      title: 'Photograph, prompt and mask; completions',
      images: [
        { image: drawPrompt(photo.image, photo.prompt, photo.mask), caption: 'prompt and mask' },
        ...completions.completions.map(({ image, seed }, i) => ({
          image,
          caption: `completion ${i}${i === chosen ? ' (chosen)' : ''}, seed ${seed}`,
        })),
      ],
    });
  const step = Math.max(1, Math.ceil(multiView.views.length / 16));
  const views = multiView.views.filter((_, i) => i % step === 0);
  for (let at = 0; at < views.length; at += 8)
    rows.push({
      title: at === 0 ? `Views, photo elevation ${multiView.elevationDeg.toFixed(0)} degrees` : '',
      images: views.slice(at, at + 8).map(({ image }, i) => ({ image, caption: `view ${(at + i) * step}` })),
    });
  const { mesh: placed } = normaliseMesh(mesh, multiView.photoCamera);
  rows.push({
    title: `Mesh, ${mesh.indices.length / 3} triangles`,
    images: [0, 90, 180, 270].map((azimuth) => ({
      image: renderMesh(placed, orbitCamera(azimuth, 20, TILE)),
      caption: `azimuth ${azimuth}`,
    })),
  });
  return makeContactSheet(rows);
}
