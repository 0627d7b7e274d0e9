import { join } from 'node:path';
import { openBrowser } from './browser.ts';
import { bundlePage } from './bundle-page.ts';
import { DataEngineError } from './errors.ts';
import { writeAtomically } from './files.ts';
import type { ObjectEntry } from './job.ts';
import { servePage } from './page-server.ts';
import type { MadeScene, SceneSpec } from './scene-spec.ts';
import { findFile, listFurniture } from './training/furniture.ts';

/** A scene whose object is not there, or was trained on. */
export class SceneObjectError extends DataEngineError {
  constructor(tail: string, got: string) {
    super(`expected a furniture object named ${tail} in the test split, got ${got}; choose another object for the scene`);
  }
}

function describeScenes(furniture: readonly ObjectEntry[]): Record<string, SceneSpec> {
  const find = (tail: string): ObjectEntry => {
    const match = furniture.find(({ id }) => id.endsWith(`/${tail}`));
    if (!match) throw new SceneObjectError(tail, 'none');
    if (match.split !== 'test') throw new SceneObjectError(tail, `${match.id} of the ${match.split} split`);
    return match;
  };
  return {
    'armchair-box': {
      fov: 34,
      eye: [0, 1.5, 3.1],
      target: [0.05, 0.5, 0],
      light: [-2.2, 3.4, 2.2],
      floor: '#a98763',
      wall: '#d9d4c8',
      objects: [
        { entry: find('armchair1'), yaw: -30, size: 1.25, x: 0.12, z: -0.25 },
        { entry: find('cardboard-box'), yaw: 24, size: 0.72, x: -0.2, z: 0.5 },
      ],
    },
    'chicken-crate': {
      fov: 30,
      eye: [0, 1.25, 3.2],
      target: [0.05, 0.42, 0],
      light: [2.4, 3.2, 2.0],
      floor: '#8a8f86',
      wall: '#c9d3da',
      objects: [
        { entry: find('chicken'), yaw: 50, size: 1.1, x: -0.05, z: -0.2 },
        { entry: find('ammoBox'), yaw: -20, size: 0.95, x: 0.25, z: 0.42 },
      ],
    },
  };
}

/**
 * Renders the sample scenes: photo.jpg, modal.png, amodal.png, whole.png, mesh.glb and scene.json, a folder each.
 * @returns the scenes' names
 * @throws SceneObjectError, BrowserMissingError
 */
export async function makeScenes(
  libraries: string,
  out: string,
  { only, signal }: { only: string | undefined; signal: AbortSignal },
): Promise<string[]> {
  const scenes = Object.entries(describeScenes((await listFurniture(libraries)).objects)).filter(([name]) => !only || name === only);
  const server = await servePage({
    script: await bundlePage('scene-page'),
    find: (path) => findFile(libraries, path),
    next: () => null,
    result: async () => {},
  });
  const browser = await openBrowser();
  const end = () => void browser.close().catch(() => undefined);
  signal.addEventListener('abort', end, { once: true });
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    for (const [name, spec] of scenes) {
      const made = await page.evaluate(
        (s) => (globalThis as unknown as { gestaltScene: (spec: SceneSpec) => Promise<MadeScene> }).gestaltScene(s),
        spec,
      );
      const bytes = (dataUrl: string) => Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64');
      const [hidden, occluder] = spec.objects.map(({ entry }) => ({
        id: entry.id,
        name: entry.name,
        author: entry.author,
        licence: entry.licence,
        source: `Sweet Home 3D furniture library ${entry.id.split('/')[0]}`,
      }));
      const description = {
        name,
        ...made.facts,
        hidden,
        occluder,
        mesh: 'longest side 1, box centred at the origin, +Y up, turned so that the camera stands at azimuth 0 (+Z side)',
      };
      const folder = join(out, name);
      await writeAtomically(join(folder, 'photo.jpg'), bytes(made.photo));
      await writeAtomically(join(folder, 'modal.png'), bytes(made.modal));
      await writeAtomically(join(folder, 'amodal.png'), bytes(made.amodal));
      await writeAtomically(join(folder, 'whole.png'), bytes(made.whole));
      await writeAtomically(join(folder, 'mesh.glb'), bytes(made.glb));
      await writeAtomically(join(folder, 'scene.json'), `${JSON.stringify(description, null, 2)}\n`);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    await browser.close().catch(() => undefined);
    server.close();
  }
  return scenes.map(([name]) => name);
}
