import { createImage, type Mesh, orbitCamera } from '@gestalt3d/core';
import validator from 'gltf-validator';
import { describe, expect, it } from 'vitest';
import { GLB_DEFAULTS, readGlb, writeGlb } from './gltf.ts';
import { sameBytes, testCodec, withTestColors } from './mesh.test-helper.ts';
import { normaliseMesh } from './normalise.ts';
import { computeNormals } from './normals.ts';
import { sphereMesh, torusMesh } from './shapes.ts';
import { meshTopology } from './topology.ts';
import { unwrapMesh } from './unwrap.ts';

const png = { ...GLB_DEFAULTS, textureFormat: 'png' as const };

function textured(): Mesh {
  const { mesh } = unwrapMesh(torusMesh(0.35, 0.15, 32, 16));
  const texture = createImage(64, 64, 3);
  for (let i = 0; i < texture.data.length; i++) texture.data[i] = (i * 7) % 256;
  return { ...mesh, normals: computeNormals(mesh), texture };
}

async function validate(glb: Uint8Array) {
  const report = await validator.validateBytes(glb);
  return {
    errors: report.issues.numErrors,
    warnings: report.issues.numWarnings,
    messages: report.issues.messages.filter((m: { severity: number }) => m.severity < 2),
    info: report.info,
  };
}

describe('writeGlb', () => {
  it.each(['none', 'meshopt'] as const)('passes the Khronos validator and comes back the same (compress: %s)', async (compress) => {
    const mesh = textured();
    const origin = new Uint8Array((mesh.positions.length / 3) * 4).fill(255);
    const glb = await writeGlb({ mesh, origin, extras: { report: { triangles: 1 } } }, testCodec, { ...png, compress });
    expect(await validate(glb)).toMatchObject({ errors: 0, warnings: 0, messages: [] });
    const back = await readGlb(glb, testCodec);
    const [was, is] = [meshTopology(mesh), meshTopology(back)];
    expect(is).toMatchObject({ triangles: was.triangles, closed: true, euler: was.euler });
    // counter-clockwise from outside: positive volume
    expect(is.volume / was.volume).toBeCloseTo(1, compress === 'none' ? 6 : 3);
    expect(sameBytes(back.texture?.data, mesh.texture?.data)).toBe(true);
    if (compress === 'none') {
      expect(sameBytes(back.uvs, mesh.uvs)).toBe(true);
      expect(sameBytes(back.positions, mesh.positions)).toBe(true);
      const json = JSON.parse(
        new TextDecoder().decode(glb.subarray(20, 20 + new DataView(glb.buffer, glb.byteOffset).getUint32(12, true))),
      );
      expect(json.asset).toMatchObject({ version: '2.0', generator: 'Gestalt3D', extras: { report: { triangles: 1 } } });
      expect(json.materials[0].pbrMetallicRoughness).toMatchObject({ metallicFactor: 0, roughnessFactor: 0.9 });
    }
  });

  it('writes linear vertex colours when there is no texture', async () => {
    const mesh = withTestColors(sphereMesh(0.5, 24, 12));
    const glb = await writeGlb({ mesh }, testCodec);
    expect(await validate(glb)).toMatchObject({ errors: 0, warnings: 0 });
    expect(sameBytes((await readGlb(glb)).colors, mesh.colors)).toBe(true);
  });

  it.each([
    [65_535, 'UNSIGNED_SHORT', 5123],
    [65_536, 'UNSIGNED_INT', 5125],
  ])('uses indices of the narrowest width: %i vertices are %s', async (vertices, _, componentType) => {
    const mesh = sphereMesh(0.5, 12, 6);
    const positions = new Float32Array(vertices * 3);
    positions.set(mesh.positions);
    for (let v = mesh.positions.length / 3; v < vertices; v++) positions.set([0, 0, v / vertices], v * 3);
    const last = vertices - 1;
    const indices = Uint32Array.of(...mesh.indices, last, 0, 1);
    const glb = await writeGlb({ mesh: { positions, indices } }, testCodec);
    const json = JSON.parse(new TextDecoder().decode(glb.subarray(20, 20 + new DataView(glb.buffer, glb.byteOffset).getUint32(12, true))));
    expect(json.accessors[json.meshes[0].primitives[0].indices].componentType).toBe(componentType);
    expect(sameBytes((await readGlb(glb)).indices, indices)).toBe(true);
  });

  it('refuses an unknown compression', async () => {
    await expect(writeGlb({ mesh: sphereMesh() }, testCodec, { ...png, compress: 'zip' as never })).rejects.toThrow(/option compress/);
  });
});

describe('normaliseMesh', () => {
  it('centres, scales the longest side to 1 and turns the camera’s side to +Z', () => {
    const mesh = torusMesh();
    for (let i = 0; i < mesh.positions.length; i += 3) {
      mesh.positions[i] = mesh.positions[i] * 2 + 0.3;
      mesh.positions[i + 1] += 5;
    }
    const { mesh: placed, transform } = normaliseMesh({ ...mesh, normals: computeNormals(mesh) }, orbitCamera(90, 20, 64));
    const side = (k: number) => {
      const values = placed.positions.filter((_, i) => i % 3 === k);
      return [Math.min(...values), Math.max(...values)];
    };
    // x of the world, the long side, now runs along -z... to z
    expect(side(2)[1] - side(2)[0]).toBeCloseTo(1, 5);
    for (let k = 0; k < 3; k++) expect(side(k)[0] + side(k)[1]).toBeCloseTo(0, 5);
    expect(transform.yawDeg).toBeCloseTo(-90, 4);
    expect(meshTopology(placed).volume).toBeGreaterThan(0);
    // the vertex nearest to the camera at +X is now the one with the largest z
    const was = mesh.positions.indexOf(Math.max(...mesh.positions.filter((_, i) => i % 3 === 0)));
    expect(placed.positions[was + 2]).toBeCloseTo(0.5, 5);
  });
});
