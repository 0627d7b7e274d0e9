import { type ImageCodec, type Mesh, meshBounds, resample } from '@gestalt3d/core';
import { computeNormals } from '../normals.ts';
import { vertexColors } from './vertex-colors.ts';
import { zip } from './zip.ts';

/** Phones refuse larger textures (google/model-viewer 3067, 3102). */
const MAX_TEXTURE = 2048;

/**
 * USDZ for Quick Look: a USD text layer and its texture in a stored, 64-byte aligned archive; UsdPreviewSurface, metres, +Y up.
 * Without a texture, vertex colours as displayColor.
 */
export async function writeUsdz(mesh: Mesh, codec: Pick<ImageCodec, 'encodeJpeg'>, textureQuality = 92): Promise<Uint8Array> {
  const { positions, indices, uvs, texture } = mesh;
  const normals = mesh.normals ?? computeNormals(mesh);
  const digits = (value: number) => String(Number(value.toPrecision(7)));
  const tuples = (values: ArrayLike<number>, size: number, map = (value: number, _: number) => value) => {
    const out: string[] = [];
    for (let i = 0; i < values.length; i += size)
      out.push(`(${Array.from({ length: size }, (_, k) => digits(map(values[i + k], k))).join(', ')})`);
    return `[${out.join(', ')}]`;
  };
  const textured = uvs !== undefined && texture !== undefined;
  // USD counts v upwards
  const primvars = textured
    ? `texCoord2f[] primvars:st = ${tuples(uvs, 2, (value, k) => (k === 1 ? 1 - value : value))} (
            interpolation = "vertex"
        )`
    : `color3f[] primvars:displayColor = ${tuples(linear(vertexColors(mesh)), 3)} (
            interpolation = "vertex"
        )`;
  const { min, max } = meshBounds(positions);
  const shaders = textured
    ? `
            color3f inputs:diffuseColor.connect = </Root/Material/Texture.outputs:rgb>`
    : `
            color3f inputs:diffuseColor.connect = </Root/Material/Reader.outputs:result>`;
  const reader = textured
    ? `
        def Shader "Reader"
        {
            uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
        }

        def Shader "Texture"
        {
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @texture.jpg@
            float2 inputs:st.connect = </Root/Material/Reader.outputs:result>
            token inputs:sourceColorSpace = "sRGB"
            token inputs:wrapS = "clamp"
            token inputs:wrapT = "clamp"
            float3 outputs:rgb
        }`
    : `
        def Shader "Reader"
        {
            uniform token info:id = "UsdPrimvarReader_float3"
            string inputs:varname = "displayColor"
            float3 outputs:result
        }`;
  const layer = `#usda 1.0
(
    creator = "Gestalt3D"
    defaultPrim = "Root"
    metersPerUnit = 1
    upAxis = "Y"
)

def Xform "Root" (
    assetInfo = {
        string name = "object"
    }
    kind = "component"
)
{
    def Mesh "Object" (
        prepend apiSchemas = ["MaterialBindingAPI"]
    )
    {
        uniform bool doubleSided = 0
        float3[] extent = [${tuples(min, 3).slice(1, -1)}, ${tuples(max, 3).slice(1, -1)}]
        int[] faceVertexCounts = [${new Array(indices.length / 3).fill('3').join(', ')}]
        int[] faceVertexIndices = [${indices.join(', ')}]
        rel material:binding = </Root/Material>
        normal3f[] normals = ${tuples(normals, 3)} (
            interpolation = "vertex"
        )
        point3f[] points = ${tuples(positions, 3)}
        ${primvars}
        uniform token subdivisionScheme = "none"
    }

    def Material "Material"
    {
        token outputs:surface.connect = </Root/Material/Surface.outputs:surface>

        def Shader "Surface"
        {
            uniform token info:id = "UsdPreviewSurface"${shaders}
            float inputs:metallic = 0
            float inputs:roughness = 0.9
            token outputs:surface
        }
${reader}
    }
}
`;
  const files = new Map<string, Uint8Array>([['object.usda', new TextEncoder().encode(layer)]]);
  if (textured) {
    const shrink = Math.min(1, MAX_TEXTURE / Math.max(texture.width, texture.height));
    const fitting = shrink < 1 ? resample(texture, Math.round(texture.width * shrink), Math.round(texture.height * shrink)) : texture;
    files.set('texture.jpg', await codec.encodeJpeg(fitting, textureQuality));
  }
  return zip(files, true);
}

function linear(colors: Uint8Array): Float32Array {
  return Float32Array.from(colors, (value) => (value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
}
