import { type Asset, breathe, type ImageCodec, type Mesh, type MeshInput, OptionError, orbitCamera, type Stage } from '@gestalt3d/core';
import { BAKE_DEFAULTS, bakeTexture } from './bake.ts';
import type { BakeSource } from './bake-source.ts';
import { CLEAN_DEFAULTS, cleanMesh } from './clean.ts';
import { type Compression, GLB_DEFAULTS, writeGlb } from './gltf.ts';
import { type AssetTransform, normaliseMesh } from './normalise.ts';
import { computeNormals } from './normals.ts';
import { renderMesh, sampleBilinear } from './render.ts';
import { compareWithView } from './self-check.ts';
import { SIMPLIFY_DEFAULTS, SMOOTH_DEFAULTS, simplifyClosed, smoothMesh } from './simplify.ts';
import { meshTopology } from './topology.ts';
import { UNWRAP_DEFAULTS, unwrapMesh } from './unwrap.ts';

export interface MeshOptions {
  /** Triangles at most, at least 12. */
  triangles: number;
  /** Edge of the texture in texels, 64..4096; 0 keeps vertex colours and bakes nothing. */
  textureSize: number;
  compress: Compression;
  textureFormat: 'jpeg' | 'png';
  /** 1..100, of the JPEG. */
  textureQuality: number;
  /** Rounds of Taubin smoothing before simplification, 0 for none. */
  smooth: number;
  /** A separate part stays when its volume is at least this share of the largest part's. */
  minVolumeShare: number;
}

export const MESH_DEFAULTS: Readonly<MeshOptions> = {
  triangles: SIMPLIFY_DEFAULTS.triangles,
  textureSize: BAKE_DEFAULTS.textureSize,
  compress: GLB_DEFAULTS.compress,
  textureFormat: GLB_DEFAULTS.textureFormat,
  textureQuality: GLB_DEFAULTS.textureQuality,
  smooth: 12,
  minVolumeShare: CLEAN_DEFAULTS.minVolumeShare,
};

/** No change. */
const WORLD: AssetTransform = { centre: [0, 0, 0], scale: 1, yawDeg: 0 };

/**
 * From a fitted surface and the pictures it came from to a textured GLB: clean, smooth, simplify, unwrap, bake, export.
 * `mesh` of the result stays in the world frame, where the cameras are; the GLB is centred, turned to the photo's camera and of size 1, and
 * the report says how (`scale`, `centreX..Z`, `yawDeg`). Without photo and completion the GLB stays in the world frame of the views.
 */
export function createMeshStage({ codec }: { codec: Pick<ImageCodec, 'encodePng' | 'encodeJpeg'> }): Stage<MeshInput, Asset, MeshOptions> {
  return {
    name: 'mesh',
    version: '1',
    defaults: MESH_DEFAULTS,
    async run(input, options, { signal, emit }) {
      checkOptions(options);
      await breathe(signal);

      // 1. geometry
      const cleaned = cleanMesh(input.surface.mesh, { minVolumeShare: options.minVolumeShare });
      emit({
        kind: 'info',
        message: `${cleaned.report.trianglesIn} triangles, ${cleaned.report.partsKept} of ${cleaned.report.partsIn} parts kept`,
      });
      await breathe(signal);
      const smoothed = options.smooth > 0 ? smoothMesh(cleaned.mesh, { ...SMOOTH_DEFAULTS, iterations: options.smooth }) : cleaned.mesh;
      const simplified = await simplifyClosed(smoothed, {
        ...SIMPLIFY_DEFAULTS,
        triangles: options.triangles,
        // a texture keeps the colours; triangles are then for the shape
        ...(options.textureSize > 0 && { colorWeight: 0 }),
      });
      await breathe(signal);
      let mesh: Mesh = { ...simplified.mesh, normals: computeNormals(simplified.mesh) };
      const topology = meshTopology(mesh);
      emit({
        kind: 'info',
        message: `${cleaned.report.trianglesIn} -> ${topology.triangles} triangles, deviation ${(simplified.error * 100).toFixed(2)} %`,
      });
      if (!topology.closed)
        emit({
          kind: 'warning',
          code: 'mesh-open',
          message: `the mesh is not closed: ${topology.boundaryEdges} boundary edges, ${topology.nonManifoldEdges} non-manifold edges`,
        });

      // 2. texture
      let origin: Uint8Array | undefined;
      let texture: Record<string, number> = {};
      let gain: [number, number, number] = [1, 1, 1];
      if (options.textureSize > 0) {
        const unwrapped = unwrapMesh(mesh, { ...UNWRAP_DEFAULTS, textureSize: options.textureSize });
        await breathe(signal);
        const baked = await bakeTexture(
          unwrapped.mesh,
          sourcesOf(input),
          { ...BAKE_DEFAULTS, textureSize: options.textureSize },
          {
            tick: async (done, total) => {
              await breathe(signal);
              emit({ kind: 'progress', done, total, unit: 'tile' });
            },
          },
        );
        const { colors: _, ...plain } = unwrapped.mesh;
        mesh = { ...plain, texture: baked.texture };
        origin = originOfVertices(mesh, baked.origin);
        gain = baked.gain;
        texture = {
          textureSize: options.textureSize,
          charts: unwrapped.charts,
          atlasUtilisation: unwrapped.utilisation,
          atlasStretch: unwrapped.stretch,
          seenByPhoto: baked.seen.photo,
          seenByCompletionOnly: baked.seen.completion,
          guessed: baked.seen.guessed,
          inNoView: baked.unseen,
          gainRed: gain[0],
          gainGreen: gain[1],
          gainBlue: gain[2],
        };
      }
      await breathe(signal);

      // 3. what the pictures say to it
      const front = input.photo ?? input.completion;
      const agreement: Record<string, number> = {};
      if (input.photo) {
        const { covered, psnrDb } = compareWithView(mesh, input.photo);
        Object.assign(agreement, { photoCovered: covered, photoPsnrDb: psnrDb });
      }
      if (input.completion) {
        const { iou, psnrDb } = compareWithView(mesh, input.completion);
        Object.assign(agreement, { completionIou: iou, completionPsnrDb: psnrDb });
      }
      let iou = 0;
      let psnrDb = 0;
      for (const view of input.views) {
        await breathe(signal);
        const one = compareWithView(mesh, view, 128, gain);
        iou += one.iou / input.views.length;
        psnrDb += one.psnrDb / input.views.length;
      }
      if (input.views.length > 0) Object.assign(agreement, { viewsIou: iou, viewsPsnrDb: psnrDb });
      for (const [name, value] of Object.entries(agreement)) emit({ kind: 'metric', step: 0, name, value });

      // 4. export
      // views that came without a photograph have a world of their own, which their owner wants the mesh back in
      const { mesh: placed, transform } = front ? normaliseMesh(mesh, front.camera) : { mesh, transform: WORLD };
      emit({
        kind: 'preview',
        name: 'asset',
        index: 0,
        image: renderMesh(front ? placed : normaliseMesh(mesh).mesh, orbitCamera(30, 20, 320, { distance: 1.9, focalPerWidth: 280 / 256 })),
      });
      const report: Asset['report'] = rounded({
        triangles: topology.triangles,
        vertices: mesh.positions.length / 3,
        trianglesIn: cleaned.report.trianglesIn,
        partsIn: cleaned.report.partsIn,
        partsKept: cleaned.report.partsKept,
        partsTooSmall: cleaned.report.partsTooSmall,
        partsInside: cleaned.report.partsInside,
        degenerateTriangles: cleaned.report.degenerateTriangles,
        duplicateTriangles: cleaned.report.duplicateTriangles,
        flipped: cleaned.report.flipped,
        simplifyError: simplified.error,
        closed: topology.closed,
        boundaryEdges: topology.boundaryEdges,
        nonManifoldEdges: topology.nonManifoldEdges,
        euler: topology.euler,
        volume: topology.volume * transform.scale ** 3,
        area: topology.area * transform.scale ** 2,
        ...texture,
        ...agreement,
        scale: transform.scale,
        centreX: transform.centre[0],
        centreY: transform.centre[1],
        centreZ: transform.centre[2],
        yawDeg: transform.yawDeg,
      });
      const glb = await writeGlb({ mesh: placed, ...(origin && { origin }), extras: { report } }, codec, {
        compress: options.compress,
        textureFormat: options.textureFormat,
        textureQuality: options.textureQuality,
      });
      await breathe(signal);
      return { mesh, glb, report: { ...report, glbBytes: glb.length } };
    },
  };
}

function sourcesOf(input: MeshInput): BakeSource[] {
  return [
    ...(input.photo ? [{ kind: 'photo' as const, view: input.photo }] : []),
    ...(input.completion ? [{ kind: 'completion' as const, view: input.completion }] : []),
    ...input.views.map((view) => ({ kind: 'generated' as const, view })),
  ];
}

function originOfVertices(mesh: Mesh, origin: Parameters<typeof sampleBilinear>[0]): Uint8Array {
  const uvs = mesh.uvs!;
  const out = new Uint8Array((uvs.length / 2) * 4).fill(255);
  const rgb = new Float32Array(3);
  for (let v = 0; v < uvs.length / 2; v++) {
    sampleBilinear(origin, uvs[v * 2], uvs[v * 2 + 1], rgb);
    for (let c = 0; c < 3; c++) out[v * 4 + c] = Math.round(rgb[c]);
  }
  return out;
}

/** Six significant digits: the file stays the same where only the last bits of a sum differ. */
function rounded(report: Asset['report']): Asset['report'] {
  return Object.fromEntries(
    Object.entries(report).map(([key, value]) => [key, typeof value === 'number' ? Number(value.toPrecision(6)) : value]),
  );
}

function checkOptions({
  triangles,
  textureSize,
  compress,
  textureFormat,
  textureQuality,
  smooth,
  minVolumeShare,
}: Readonly<MeshOptions>): void {
  const whole = (name: string, value: number, low: number, high: number, also = '') => {
    if (!Number.isInteger(value) || value < low || value > high)
      throw new OptionError(name, `a whole number from ${low} to ${high}${also}`, String(value));
  };
  whole('triangles', triangles, 12, 2_000_000);
  if (textureSize !== 0) whole('textureSize', textureSize, 64, 4096, ', or 0 for vertex colours');
  if (compress !== 'none' && compress !== 'meshopt') throw new OptionError('compress', 'none or meshopt', String(compress));
  if (textureFormat !== 'jpeg' && textureFormat !== 'png') throw new OptionError('textureFormat', 'jpeg or png', String(textureFormat));
  whole('textureQuality', textureQuality, 1, 100);
  whole('smooth', smooth, 0, 100);
  if (!(minVolumeShare >= 0 && minVolumeShare <= 1))
    throw new OptionError('minVolumeShare', 'a number from 0 to 1', String(minVolumeShare));
}
