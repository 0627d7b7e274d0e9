import { rasteriseView, reframeCamera, renderModel } from './host.mjs';

/** Of the pictures of real meshes; stands still in the world. */
export const LIGHT = { towards: [0.36, 0.8, 0.48], strength: 0.5 };

const SAMPLES = 2;

/** A model whose surface shows a colour (0..1) of its place in space under a soft light: `renderModel` of the white model, times the pattern. */
export function renderPainted(model, camera, rgb) {
  const white = { ...model, materials: model.materials.map((material) => ({ repeat: material.repeat, color: [255, 255, 255] })) };
  delete white.colors;
  const image = renderModel(white, camera, LIGHT);
  const { width, height } = camera;
  const fine = reframeCamera(camera, { scale: SAMPLES, dx: 0, dy: 0, width: width * SAMPLES, height: height * SAMPLES });
  const { depth } = rasteriseView(model, fine);
  const m = fine.worldFromCamera;
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const sum = [0, 0, 0];
      let covered = 0;
      for (let k = 0; k < SAMPLES * SAMPLES; k++) {
        const [column, row] = [x * SAMPLES + (k % SAMPLES), y * SAMPLES + Math.floor(k / SAMPLES)];
        const z = depth[row * fine.width + column];
        if (!Number.isFinite(z)) continue;
        const right = ((column + 0.5 - fine.cx) / fine.flX) * z;
        const up = -((row + 0.5 - fine.cy) / fine.flY) * z;
        const p = [0, 1, 2].map((r) => m[r] * right + m[4 + r] * up - m[8 + r] * z + m[12 + r]);
        rgb(...p).forEach((value, c) => {
          sum[c] += value;
        });
        covered++;
      }
      for (let c = 0; c < 3 && covered > 0; c++) image.data[i * 4 + c] = Math.round((image.data[i * 4 + c] * sum[c]) / covered);
    }
  return image;
}
