import { type ImageCodec, ImageDecodeError, MeshFormatError } from '@gestalt3d/core';
import { joinParts, type Material, type MaterialMesh, type MaterialPart, opaque } from './material-mesh.ts';

/** Bytes of a file that lies beside the one that is read; undefined if there is none. */
export type SiblingReader = (name: string) => Promise<Uint8Array | undefined>;

/** Corners of one material while they are read. */
interface Group {
  positions: number[];
  normals: number[];
  uvs: number[];
  indices: number[];
  vertexOf: Map<string, number>;
  /** Every corner so far named a normal. */
  smooth: boolean;
}

const PLAIN: Material = { color: [190, 190, 190], repeat: true };

/**
 * Wavefront OBJ: polygons (cut into fans), texture coordinates, normals, negative indices, and of the material library Kd and map_Kd.
 * Lines, points and curves are passed over, and so, with a warning, are faces of fewer than three corners; a library or texture that is not
 * there leaves its material plain.
 * @throws MeshFormatError naming the line
 */
export async function readObj(
  text: string,
  name: string,
  codec: Pick<ImageCodec, 'decode'>,
  sibling: SiblingReader,
  warn: (message: string) => void,
): Promise<MaterialMesh> {
  const points: number[] = [];
  const textures: number[] = [];
  const directions: number[] = [];
  const groups = new Map<string, Group>();
  const libraries: string[] = [];
  let material = '';
  let flat = 0;
  text.split('\n').forEach((line, at) => {
    const fail = (reason: string) => new MeshFormatError(name, `line ${at + 1}: ${reason}`);
    const [keyword, ...words] = line.trim().split(/\s+/);
    const push = (target: number[], count: number): void => {
      for (let k = 0; k < count; k++) {
        const value = Number(words[k] ?? (target === textures ? 0 : Number.NaN));
        if (!Number.isFinite(value)) throw fail(`expected ${count} numbers, got "${line.trim().slice(0, 60)}"`);
        target.push(value);
      }
    };
    if (keyword === 'v') push(points, 3);
    else if (keyword === 'vt') push(textures, 2);
    else if (keyword === 'vn') push(directions, 3);
    else if (keyword === 'usemtl') material = words.join(' ');
    else if (keyword === 'mtllib') libraries.push(words.join(' '));
    else if (keyword === 'f') {
      if (words.length < 3) {
        flat++;
        return;
      }
      let group = groups.get(material);
      if (!group) groups.set(material, (group = { positions: [], normals: [], uvs: [], indices: [], vertexOf: new Map(), smooth: true }));
      const corners = words.map((word) => {
        const known = group.vertexOf.get(word);
        // negative indices count from the end of what was read so far, so such a corner is never the same one again
        if (known !== undefined && !word.includes('-')) return known;
        const resolve = (part: string | undefined, size: number, list: number[]): number | undefined => {
          if (!part) return undefined;
          const index = Number(part) < 0 ? list.length / size + Number(part) : Number(part) - 1;
          if (!Number.isInteger(index) || index < 0 || index >= list.length / size)
            throw fail(`the corner ${word} names what is not there`);
          return index;
        };
        const [p, t, n] = word.split('/');
        const point = resolve(p, 3, points);
        if (point === undefined) throw fail(`the corner ${word} has no position`);
        const texture = resolve(t, 2, textures);
        const direction = resolve(n, 3, directions);
        const vertex = group.positions.length / 3;
        for (let k = 0; k < 3; k++) group.positions.push(points[point * 3 + k]);
        // OBJ counts v upwards, glTF and Mesh downwards
        group.uvs.push(texture === undefined ? 0 : textures[texture * 2], texture === undefined ? 0 : 1 - textures[texture * 2 + 1]);
        if (direction === undefined) group.smooth = false;
        for (let k = 0; k < 3; k++) group.normals.push(direction === undefined ? 0 : directions[direction * 3 + k]);
        group.vertexOf.set(word, vertex);
        return vertex;
      });
      for (let k = 2; k < corners.length; k++) group.indices.push(corners[0], corners[k - 1], corners[k]);
    }
  });
  if (flat > 0) warn(`${name}: ${flat} faces of fewer than three corners were passed over`);
  const materials = new Map<string, Material>();
  for (const library of libraries) {
    const bytes = await sibling(library);
    if (bytes) await readLibrary(new TextDecoder().decode(bytes), codec, sibling, materials);
  }
  return joinParts(
    [...groups].map(
      ([key, group]): MaterialPart => ({
        positions: group.positions,
        indices: group.indices,
        uvs: group.uvs,
        ...(group.smooth && { normals: unit(group.normals) }),
        material: materials.get(key) ?? PLAIN,
      }),
    ),
  );
}

async function readLibrary(
  text: string,
  codec: Pick<ImageCodec, 'decode'>,
  sibling: SiblingReader,
  into: Map<string, Material>,
): Promise<void> {
  let current: Material | undefined;
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === 'newmtl') into.set(words.join(' '), (current = { ...PLAIN }));
    else if (!current) continue;
    else if (keyword === 'Kd') {
      const color = words.slice(0, 3).map((word) => 255 * Math.min(Math.max(Number(word), 0), 1));
      if (color.length === 3 && color.every(Number.isFinite)) current.color = color as [number, number, number];
    } else if (keyword === 'map_Kd') {
      // options such as -s 1 1 1 come before the name
      const file = words[words.length - 1]?.replaceAll('\\', '/');
      const bytes = file ? await sibling(file) : undefined;
      if (!bytes) continue;
      try {
        current.texture = opaque(await codec.decode(bytes, file!));
        current.color = [255, 255, 255];
      } catch (error) {
        if (!(error instanceof ImageDecodeError)) throw error;
      }
    }
  }
}

function unit(normals: number[]): number[] {
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.hypot(normals[i], normals[i + 1], normals[i + 2]) || 1;
    for (let k = 0; k < 3; k++) normals[i + k] /= length;
  }
  return normals;
}
