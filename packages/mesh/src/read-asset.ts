import { type ImageCodec, MeshFormatError, type RgbImage } from '@gestalt3d/core';
import { type Accessor, type Material as GltfMaterial, type Node, type Texture, WebIO } from '@gltf-transform/core';
import {
  EXTMeshoptCompression,
  EXTTextureWebP,
  KHRMaterialsUnlit,
  KHRMeshQuantization,
  KHRTextureTransform,
} from '@gltf-transform/extensions';
import { MeshoptDecoder } from 'meshoptimizer/decoder';
import { joinParts, type Material, type MaterialMesh, type MaterialPart, opaque } from './material-mesh.ts';
import { readObj, type SiblingReader } from './read-obj.ts';
import { uvTransform } from './texture-transform.ts';

const TRIANGLES = 4;
const CLAMP_TO_EDGE = 33071;

/**
 * A GLB or OBJ file of anyone's making, every node and material of it: base colours and their textures, no other property of a surface.
 * @param name decides by its ending; also names the file in errors
 * @param sibling an OBJ's material library and textures; GLB needs none
 * @param warn told what of the file was passed over
 * @throws MeshFormatError when it cannot be read or holds no triangle
 */
export async function readAsset(
  bytes: Uint8Array,
  name: string,
  codec: Pick<ImageCodec, 'decode'>,
  sibling: SiblingReader = async () => undefined,
  warn: (message: string) => void = () => {},
): Promise<MaterialMesh> {
  let mesh: MaterialMesh;
  if (/\.glb$/i.test(name)) mesh = await readModel(bytes, name, codec);
  else if (/\.obj$/i.test(name)) mesh = await readObj(new TextDecoder().decode(bytes), name, codec, sibling, warn);
  else throw new MeshFormatError(name, 'its name ends in neither .glb nor .obj');
  if (mesh.indices.length === 0) throw new MeshFormatError(name, 'it holds no triangle');
  if (mesh.positions.some((value) => !Number.isFinite(value))) throw new MeshFormatError(name, 'some positions are not finite numbers');
  return mesh;
}

async function readModel(bytes: Uint8Array, name: string, codec: Pick<ImageCodec, 'decode'>): Promise<MaterialMesh> {
  await MeshoptDecoder.ready;
  const io = new WebIO()
    .registerExtensions([EXTMeshoptCompression, EXTTextureWebP, KHRMeshQuantization, KHRMaterialsUnlit, KHRTextureTransform])
    .registerDependencies({ 'meshopt.decoder': MeshoptDecoder });
  let nodes: Node[];
  try {
    const root = (await io.readBinary(bytes as never)).getRoot();
    nodes = [];
    const scene = root.getDefaultScene() ?? root.listScenes()[0];
    if (scene) scene.traverse((node) => nodes.push(node));
    else nodes = root.listNodes();
  } catch (error) {
    throw new MeshFormatError(name, (error as Error).message.split('\n')[0], error);
  }
  const textures = new Map<Texture, Promise<RgbImage>>();
  const parts: MaterialPart[] = [];
  for (const node of nodes)
    for (const primitive of node.getMesh()?.listPrimitives() ?? []) {
      const position = primitive.getAttribute('POSITION');
      if (primitive.getMode() !== TRIANGLES || !position) continue;
      const matrix = node.getWorldMatrix();
      const normal = primitive.getAttribute('NORMAL');
      const uv = primitive.getAttribute('TEXCOORD_0');
      const color = primitive.getAttribute('COLOR_0');
      const place = uvTransform(primitive.getMaterial()?.getBaseColorTextureInfo());
      const material = await materialOf(primitive.getMaterial(), codec, textures);
      parts.push({
        positions: mapElements(position, 3, ([x, y, z], r) => matrix[r] * x + matrix[4 + r] * y + matrix[8 + r] * z + matrix[12 + r]),
        indices: primitive.getIndices()?.getArray() ?? Uint32Array.from({ length: position.getCount() }, (_, i) => i),
        ...(normal && { normals: mapNormals(normal, matrix) }),
        ...(uv && { uvs: mapElements(uv, 2, ([u, v], r) => place(u, v)[r]) }),
        ...(color && { colors: mapElements(color, 3, (element, r) => Math.round(255 * srgbFromLinear(element[r]))) }),
        material,
      });
    }
  return joinParts(parts);
}

async function materialOf(
  material: GltfMaterial | null,
  codec: Pick<ImageCodec, 'decode'>,
  textures: Map<Texture, Promise<RgbImage>>,
): Promise<Material> {
  const factor = material?.getBaseColorFactor() ?? [1, 1, 1, 1];
  // sRGB is close to a power, so the product of sRGB values is the sRGB value of the product
  const color = [0, 1, 2].map((k) => 255 * srgbFromLinear(factor[k])) as [number, number, number];
  const texture = material?.getBaseColorTexture();
  const image = texture?.getImage();
  if (!texture || !image) return { color, repeat: true };
  let decoded = textures.get(texture);
  if (!decoded) textures.set(texture, (decoded = codec.decode(image, 'texture').then(opaque)));
  return { color, texture: await decoded, repeat: material!.getBaseColorTextureInfo()?.getWrapS() !== CLAMP_TO_EDGE };
}

function mapElements(accessor: Accessor, size: number, value: (element: number[], row: number) => number): Float32Array {
  const out = new Float32Array(accessor.getCount() * size);
  const element: number[] = [];
  for (let i = 0; i < accessor.getCount(); i++) {
    accessor.getElement(i, element);
    for (let r = 0; r < size; r++) out[i * size + r] = value(element, r);
  }
  return out;
}

/** Normals under a matrix: by its cofactors, which are its inverse transposed but for a factor. */
function mapNormals(accessor: Accessor, m: number[]): Float32Array {
  const cofactor = (r: number, c: number): number => {
    const [r1, r2, c1, c2] = [(r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3];
    return m[c1 * 4 + r1] * m[c2 * 4 + r2] - m[c2 * 4 + r1] * m[c1 * 4 + r2];
  };
  const rows = [0, 1, 2].map((r) => [cofactor(r, 0), cofactor(r, 1), cofactor(r, 2)]);
  const out = mapElements(accessor, 3, ([x, y, z], r) => rows[r][0] * x + rows[r][1] * y + rows[r][2] * z);
  for (let i = 0; i < out.length; i += 3) {
    const length = Math.hypot(out[i], out[i + 1], out[i + 2]) || 1;
    for (let k = 0; k < 3; k++) out[i + k] /= length;
  }
  return out;
}

function srgbFromLinear(value: number): number {
  return value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055;
}
