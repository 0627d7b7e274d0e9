import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createImage } from '@gestalt3d/core';
import { imageCodec } from '@gestalt3d/host';
import { computeNormals, GLB_DEFAULTS, torusMesh, UNWRAP_DEFAULTS, unwrapMesh, writeGlb, writeStl } from '@gestalt3d/mesh';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// Debian's package is enough; its glTF add-on reads plain files everywhere, meshopt only where it was built with it
const blender = spawnSync('blender', ['--version'], { encoding: 'utf8' });
if (blender.error) console.info('no blender on this machine: what it reads is not tested');

/** Prints triangles, area and size of everything in the file. */
const SCRIPT = `
import bpy, json, sys
path = sys.argv[sys.argv.index('--') + 1]
bpy.ops.wm.read_factory_settings(use_empty=True)
if path.endswith('.glb'): bpy.ops.import_scene.gltf(filepath=path)
elif hasattr(bpy.ops.wm, 'stl_import'): bpy.ops.wm.stl_import(filepath=path)
else: bpy.ops.import_mesh.stl(filepath=path)
meshes = [o for o in bpy.context.scene.objects if o.type == 'MESH']
out = {'triangles': 0, 'area': 0.0, 'images': [list(i.size) for i in bpy.data.images if i.size[0] > 0], 'size': []}
for o in meshes:
    o.data.calc_loop_triangles()
    out['triangles'] += len(o.data.loop_triangles)
    out['area'] += sum(p.area for p in o.data.polygons)
    out['size'] = list(o.dimensions)
print('RESULT ' + json.dumps(out))
`;

describe.skipIf(blender.error !== undefined)('Blender reads our files', () => {
  const { mesh } = unwrapMesh(torusMesh(0.35, 0.15, 64, 32), { ...UNWRAP_DEFAULTS, textureSize: 256 });
  const textured = { ...mesh, normals: computeNormals(mesh), texture: createImage(256, 256, 3) };
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'gestalt3d-blender-'));
    await writeFile(join(dir, 'read.py'), SCRIPT);
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  async function read(name: string, bytes: Uint8Array) {
    await writeFile(join(dir, name), bytes);
    const { stdout } = spawnSync('blender', ['-b', '--python', join(dir, 'read.py'), '--', join(dir, name)], { encoding: 'utf8' });
    const line = stdout.split('\n').find((one) => one.startsWith('RESULT '));
    return JSON.parse(line!.slice(7)) as { triangles: number; area: number; images: number[][]; size: number[] };
  }

  it('GLB, with the same geometry and its texture', async () => {
    const origin = new Uint8Array((mesh.positions.length / 3) * 4).fill(200);
    const found = await read('torus.glb', await writeGlb({ mesh: textured, origin }, imageCodec, GLB_DEFAULTS));
    expect(found.triangles).toBe(mesh.indices.length / 3);
    expect(Math.max(...found.size)).toBeCloseTo(1, 3);
    // 4 pi^2 R r, less what 64 x 32 facets cut off
    expect(found.area).toBeGreaterThan(0.98 * 4 * Math.PI ** 2 * 0.35 * 0.15);
    expect(found.area).toBeLessThan(4 * Math.PI ** 2 * 0.35 * 0.15);
    expect(found.images).toContainEqual([256, 256]);
  }, 120_000);

  it('STL', async () => {
    const found = await read('torus.stl', writeStl(torusMesh(0.35, 0.15, 64, 32)));
    expect(found.triangles).toBe(mesh.indices.length / 3);
  }, 120_000);
});
