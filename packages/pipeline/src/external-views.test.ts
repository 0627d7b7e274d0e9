import { createImage, frameOfCamera, type ImageCodec, orbitCamera, ViewsFormatError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { loadExternalViews } from './external-views.ts';
import { createMemoryStore } from './memory-store.test-helper.ts';

/** Every file is a picture of 8 px whose alpha is the file's only byte. */
const codec: Pick<ImageCodec, 'decode'> = {
  decode: async ([alpha]) => {
    const image = createImage(8, 8, 4);
    image.data.fill(100);
    for (let i = 3; i < image.data.length; i += 4) image.data[i] = alpha!;
    return image;
  },
};
const frames = () => [0, 90, 180].map((azimuth, i) => frameOfCamera(`./images/${i}.png`, orbitCamera(azimuth, 20, 8)));

async function load(transforms: unknown, images: string[] = ['images/0.png', 'images/1.png', 'images/2.png']) {
  const store = createMemoryStore();
  await store.write('transforms.json', new TextEncoder().encode(typeof transforms === 'string' ? transforms : JSON.stringify(transforms)));
  for (const name of images) await store.write(name, new Uint8Array([200]));
  const warnings: string[] = [];
  const views = await loadExternalViews(store, codec as ImageCodec, (message) => warnings.push(message));
  return { views, warnings };
}

describe('loadExternalViews', () => {
  it('reads cameras and images, with or without an extension in the path', async () => {
    const bare = frames().map((frame) => ({ ...frame, file_path: frame.file_path.replace('.png', '') }));
    for (const some of [frames(), bare]) {
      const { views, warnings } = await load({ frames: some });
      expect(views.map(({ camera }) => camera.flX)).toEqual([8.75, 8.75, 8.75]);
      expect(warnings).toEqual([]);
    }
  });

  it('says how many images are missing, and which frame is none', async () => {
    await expect(load({ frames: frames() }, ['images/1.png'])).rejects.toThrow(/the image \.\/images\/0\.png \(and 1 more of 3\)/);
    await expect(load({ frames: [frames()[0], null, frames()[2]] })).rejects.toThrow(
      /frame 1: expected an object with a file_path, got null/,
    );
    for (const broken of ['{', '[]', { frames: 3 }, { frames: [] }, { frames: [{}, {}] }])
      await expect(load(broken)).rejects.toThrow(ViewsFormatError);
    const [first, ...others] = frames();
    await expect(load({ frames: [{ ...first, transform_matrix: [[1, 0]] }, ...others] })).rejects.toThrow(/frame 0: .*4 rows of 4 numbers/);
    await expect(load({ frames: [{ ...first, fl_x: 0 }, ...others] })).rejects.toThrow(/frame 0: .*positive fl_x/);
  });

  it('warns of a lens distortion that it does not undo', async () => {
    const { warnings } = await load({ k1: 0.08, p2: 1e-6, frames: frames() });
    expect(warnings.length).toBe(3);
    expect(warnings[0]).toMatch(/lens distortion k1 is not/);
  });
});
