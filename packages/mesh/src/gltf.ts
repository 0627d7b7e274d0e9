import { type ImageCodec, type Mesh, OptionError, type RgbaImage, type RgbImage } from '@gestalt3d/core';
import { type Accessor, Document, type Primitive, WebIO } from '@gltf-transform/core';
import { EXTMeshoptCompression, EXTTextureWebP, KHRMeshQuantization, KHRTextureTransform } from '@gltf-transform/extensions';
import { MeshoptDecoder } from 'meshoptimizer/decoder';
import { MeshoptEncoder } from 'meshoptimizer/encoder';
import { computeNormals } from './normals.ts';
import { type PackedGeometry, packGeometry } from './pack-geometry.ts';
import { uvTransform } from './texture-transform.ts';

export type Compression = 'none' | 'meshopt';

export interface GlbOptions {
  /** `meshopt`: 14-bit positions, octahedral 8-bit normals, texture coordinates to a quarter of a texel, EXT_meshopt_compression; a viewer needs the (small) decoder. */
  compress: Compression;
  /** `auto`: WebP (EXT_texture_webp) in compressed files where the host can write it, else JPEG. */
  textureFormat: TextureFormat;
  /** 1..100, of JPEG and WebP. */
  textureQuality: number;
}

export type TextureFormat = 'auto' | 'jpeg' | 'png' | 'webp';

export const GLB_DEFAULTS: Readonly<GlbOptions> = { compress: 'none', textureFormat: 'auto', textureQuality: 92 };

/** WebP reaches the look of a JPEG of quality 92 at a lower number. */
const WEBP_QUALITY_SHARE = 0.92;

export interface GlbContent {
  /** As it shall stand in the file. */
  mesh: Mesh;
  /**
   * Vertex attribute `_ORIGIN` [P, 4], 0..255: how far the photo, the completion and the generated views gave the colour there, and with what
   * confidence (see Baked). Viewers that do not know it ignore it.
   */
  origin?: Uint8Array;
  /** The same per texel, [S, S, 4]: a texture named `origin` that no material draws; the material's extras.originTexture is its index. */
  originTexture?: RgbaImage;
  /** asset.extras */
  extras?: Record<string, unknown>;
  name?: string;
}

/** The most vertices that 16-bit indices reach; 65535 itself restarts primitives. */
const MAX_UINT16_VERTICES = 65_535;

/** One node, one mesh, one material (metallic 0, roughness 0.9) as binary glTF 2.0. Without a texture, vertex colours if there are any. */
export async function writeGlb(
  content: GlbContent,
  codec: Pick<ImageCodec, 'encodePng' | 'encodeJpeg' | 'encodeWebp'>,
  options: Readonly<GlbOptions> = GLB_DEFAULTS,
): Promise<Uint8Array> {
  let { mesh, origin } = content;
  const compressed = options.compress === 'meshopt';
  if (!compressed && options.compress !== 'none') throw new OptionError('compress', 'none or meshopt', String(options.compress));
  let packed: PackedGeometry | undefined;
  if (compressed) {
    const textured = mesh.texture !== undefined && mesh.uvs !== undefined;
    packed = await packGeometry({ ...mesh, normals: mesh.normals ?? computeNormals(mesh) }, textured ? mesh.texture!.width : undefined);
    const { source } = packed;
    mesh = packed.mesh;
    if (origin) origin = Uint8Array.from({ length: source.length * 4 }, (_, i) => origin![source[i >> 2] * 4 + (i & 3)]);
  }
  const count = mesh.positions.length / 3;
  const document = new Document();
  const root = document.getRoot();
  const asset = root.getAsset();
  asset.generator = 'Gestalt3D';
  if (content.extras) asset.extras = content.extras;
  const buffer = document.createBuffer();
  const accessor = (
    type: 'SCALAR' | 'VEC2' | 'VEC3' | 'VEC4',
    array: Float32Array | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array,
    normalized = false,
  ) =>
    document
      .createAccessor()
      .setType(type)
      // the package's types know only arrays of their own buffer
      .setArray(array as never)
      .setNormalized(normalized)
      .setBuffer(buffer);

  const material = document.createMaterial('surface').setMetallicFactor(0).setRoughnessFactor(0.9).setDoubleSided(false);
  const primitive = document.createPrimitive().setMaterial(material);
  primitive.setIndices(accessor('SCALAR', count <= MAX_UINT16_VERTICES ? Uint16Array.from(mesh.indices) : mesh.indices));
  const node = document.createNode(content.name ?? 'object');
  const normals = mesh.normals ?? computeNormals(mesh);
  const textured = mesh.texture !== undefined && mesh.uvs !== undefined;
  primitive.setAttribute('NORMAL', accessor('VEC3', normals));
  if (packed) {
    document.createExtension(KHRMeshQuantization).setRequired(true);
    // filters: normals become octahedral, the rest stays as it is quantised
    document
      .createExtension(EXTMeshoptCompression)
      .setRequired(true)
      .setEncoderOptions({ method: EXTMeshoptCompression.EncoderMethod.FILTER });
    const { stored, offset, scale } = packed.positions;
    primitive.setAttribute('POSITION', accessor('VEC3', stored));
    node.setTranslation(offset as [number, number, number]).setScale(scale as [number, number, number]);
  } else primitive.setAttribute('POSITION', accessor('VEC3', mesh.positions));
  if (textured) {
    const { uvs, texture } = mesh as Required<Pick<Mesh, 'uvs' | 'texture'>>;
    primitive.setAttribute('TEXCOORD_0', accessor('VEC2', packed?.uvs?.stored ?? uvs, packed !== undefined));
    const { bytes, mimeType } = await encodeTexture(texture, compressed, codec, options);
    const image = document
      .createTexture('baseColor')
      .setMimeType(mimeType)
      .setImage(bytes as never);
    if (mimeType === 'image/webp') document.createExtension(EXTTextureWebP).setRequired(true);
    material.setBaseColorTexture(image);
    // clamped: bilinear taps at the page's border must not come from the other side
    const info = material.getBaseColorTextureInfo()!.setWrapS(33071).setWrapT(33071).setMinFilter(9987).setMagFilter(9729);
    if (packed?.uvs) {
      // normalised numbers of few bits lie in a corner of 0..1; unnormalised ones are more than some viewers take
      const { offset, scale } = packed.uvs;
      const transforms = document.createExtension(KHRTextureTransform).setRequired(true);
      const spread = transforms
        .createTransform()
        .setOffset(offset as [number, number])
        .setScale(scale.map((value) => value * 65_535) as [number, number]);
      info.setExtension(KHRTextureTransform.EXTENSION_NAME, spread);
    }
    if (content.originTexture) {
      document
        .createTexture('origin')
        .setMimeType('image/png')
        .setImage((await codec.encodePng(content.originTexture)) as never);
      material.setExtras({ originTexture: 1 });
    }
  } else if (mesh.colors) primitive.setAttribute('COLOR_0', accessor('VEC4', linearColors(mesh.colors), true));
  if (origin) primitive.setAttribute('_ORIGIN', accessor('VEC4', origin, true));
  node.setMesh(document.createMesh(content.name ?? 'object').addPrimitive(primitive));
  root.setDefaultScene(document.createScene().addChild(node));
  return createIo().writeBinary(document);
}

/** What our own GLBs hold beside the mesh; for a GLB of one primitive. */
export async function readGlbExtras(bytes: Uint8Array, codec: Pick<ImageCodec, 'decode'>): Promise<Omit<GlbContent, 'mesh'>> {
  await MeshoptDecoder.ready;
  const root = (await createIo().readBinary(bytes as never)).getRoot();
  const extras = root.getAsset().extras as Record<string, unknown> | undefined;
  const [primitive, ...others] = root.listMeshes().flatMap((mesh) => mesh.listPrimitives());
  const attribute = others.length === 0 ? primitive?.getAttribute('_ORIGIN')?.getArray() : undefined;
  const image = root
    .listTextures()
    .find((texture) => texture.getName() === 'origin')
    ?.getImage();
  return {
    ...(extras && { extras }),
    ...(attribute instanceof Uint8Array && { origin: attribute }),
    ...(image && { originTexture: await codec.decode(image, 'origin texture') }),
  };
}

/** The first mesh of a GLB, node transform applied, primitives joined; the texture only where a codec is given. For our own files and most others. */
export async function readGlb(bytes: Uint8Array, codec?: Pick<ImageCodec, 'decode'>): Promise<Mesh> {
  await MeshoptDecoder.ready;
  const document = await createIo().readBinary(bytes as never);
  const node = document
    .getRoot()
    .listNodes()
    .find((candidate) => candidate.getMesh());
  const primitives = node?.getMesh()?.listPrimitives() ?? [];
  const matrix = node?.getWorldMatrix() ?? [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const positions: number[] = [];
  const normals: number[] = [];
  const uvs: number[] = [];
  const colors: number[] = [];
  const indices: number[] = [];
  const every = (name: string) => primitives.every((primitive: Primitive) => primitive.getAttribute(name));
  const element: number[] = [];
  const each = (accessor: Accessor | null, visit: (values: number[]) => void) => {
    for (let i = 0; accessor && i < accessor.getCount(); i++) visit(accessor.getElement(i, element));
  };
  for (const primitive of primitives) {
    const start = positions.length / 3;
    each(primitive.getAttribute('POSITION'), ([x, y, z]) => {
      for (let r = 0; r < 3; r++) positions.push(matrix[r] * x + matrix[4 + r] * y + matrix[8 + r] * z + matrix[12 + r]);
    });
    if (every('NORMAL'))
      each(primitive.getAttribute('NORMAL'), ([x, y, z]) => {
        const n = [0, 1, 2].map((r) => matrix[r] * x + matrix[4 + r] * y + matrix[8 + r] * z);
        const length = Math.hypot(n[0], n[1], n[2]) || 1;
        normals.push(n[0] / length, n[1] / length, n[2] / length);
      });
    const place = uvTransform(primitive.getMaterial()?.getBaseColorTextureInfo());
    if (every('TEXCOORD_0')) each(primitive.getAttribute('TEXCOORD_0'), ([u, v]) => uvs.push(...place(u, v)));
    if (every('COLOR_0'))
      each(primitive.getAttribute('COLOR_0'), ([r, g, b]) =>
        colors.push(...[r, g, b].map((value) => Math.round(255 * srgbFromLinear(value)))),
      );
    const own = primitive.getIndices();
    if (own) each(own, ([i]) => indices.push(start + i));
    else for (let i = start; i < positions.length / 3; i++) indices.push(i);
  }
  const mesh: Mesh = { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
  if (normals.length > 0) mesh.normals = Float32Array.from(normals);
  if (uvs.length > 0) mesh.uvs = Float32Array.from(uvs);
  if (colors.length > 0) mesh.colors = Uint8Array.from(colors);
  const image = primitives[0]?.getMaterial()?.getBaseColorTexture()?.getImage();
  if (codec && image) {
    const { width, height, data } = await codec.decode(image, 'texture');
    const rgb = new Uint8Array(width * height * 3);
    for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * 4 + c];
    mesh.texture = { width, height, channels: 3, data: rgb };
  }
  return mesh;
}

async function encodeTexture(
  texture: RgbImage,
  compressed: boolean,
  codec: Pick<ImageCodec, 'encodePng' | 'encodeJpeg' | 'encodeWebp'>,
  { textureFormat, textureQuality }: Readonly<GlbOptions>,
): Promise<{ bytes: Uint8Array; mimeType: string }> {
  if (textureFormat === 'png') return { bytes: await codec.encodePng(texture), mimeType: 'image/png' };
  if (codec.encodeWebp && (textureFormat === 'webp' || (textureFormat === 'auto' && compressed)))
    return { bytes: await codec.encodeWebp(texture, Math.round(textureQuality * WEBP_QUALITY_SHARE)), mimeType: 'image/webp' };
  return { bytes: await codec.encodeJpeg(texture, textureQuality), mimeType: 'image/jpeg' };
}

function createIo(): WebIO {
  return new WebIO()
    .registerExtensions([EXTMeshoptCompression, EXTTextureWebP, KHRMeshQuantization, KHRTextureTransform])
    .registerDependencies({ 'meshopt.encoder': MeshoptEncoder, 'meshopt.decoder': MeshoptDecoder });
}

/** glTF's vertex colours are linear; 16 bits keep dark tones apart. */
function linearColors(colors: Uint8Array): Uint16Array {
  const table = Uint16Array.from({ length: 256 }, (_, i) => {
    const value = i / 255;
    return Math.round(65_535 * (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  });
  const out = new Uint16Array((colors.length / 3) * 4).fill(65_535);
  for (let v = 0; v < colors.length / 3; v++) for (let c = 0; c < 3; c++) out[v * 4 + c] = table[colors[v * 3 + c]];
  return out;
}

function srgbFromLinear(value: number): number {
  return value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055;
}
