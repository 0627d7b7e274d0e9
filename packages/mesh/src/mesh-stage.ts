import {
  type Asset,
  ByteBudgetError,
  breathe,
  createImage,
  type ImageCodec,
  type Mesh,
  type MeshInput,
  OptionError,
  orbitCamera,
  type RgbaImage,
  type RgbImage,
  resample,
  type Stage,
} from '@gestalt3d/core';
import { BAKE_DEFAULTS, type Baked, bakeTexture } from './bake.ts';
import type { BakeSource } from './bake-source.ts';
import { checkSolid } from './check-solid.ts';
import { CLEAN_DEFAULTS } from './clean.ts';
import { creaseNormals } from './creases.ts';
import { write3mf } from './export/write-3mf.ts';
import { writeStl } from './export/write-stl.ts';
import type { Exposure } from './exposure.ts';
import { fitGeometry, fitTexture } from './fit-bytes.ts';
import { type Compression, GLB_DEFAULTS, type GlbOptions, type TextureFormat, writeGlb } from './gltf.ts';
import { type Evidence, gradeAsset } from './grade.ts';
import { materialColor } from './material-color.ts';
import type { MaterialMesh } from './material-mesh.ts';
import { type AssetTransform, normaliseMesh } from './normalise.ts';
import { computeNormals } from './normals.ts';
import { compareWithPhoto } from './photo-check.ts';
import { DEFAULT_SIZE_MM, printModel } from './print-model.ts';
import { changeCamera, refineCamera } from './refine-camera.ts';
import { renderMesh, sampleBilinear } from './render.ts';
import { compareWithView } from './self-check.ts';
import { SHAPE_DEFAULTS, shapeMesh } from './shape-mesh.ts';
import { SIMPLIFY_DEFAULTS } from './simplify.ts';
import { meshTopology } from './topology.ts';
import { UNWRAP_DEFAULTS, unwrapMesh } from './unwrap.ts';

export interface MeshOptions {
  /** Triangles at most, at least 12. */
  triangles: number;
  /** Edge of the texture in texels, 64..4096; 0 keeps vertex colours and bakes nothing. */
  textureSize: number;
  compress: Compression;
  textureFormat: TextureFormat;
  /** 1..100, of JPEG and WebP. */
  textureQuality: number;
  /** Bytes of the GLB at most, at least 10,000; null for any. The texture's quality and size and the triangles give way. */
  maxBytes: number | null;
  /** Rounds of Taubin smoothing before simplification, 0 for none. */
  smooth: number;
  /** A separate part stays when its volume is at least this share of the largest part's. */
  minVolumeShare: number;
  /** The surface must become the boundary of a solid, and is also given as STL and 3MF; where it cannot, the report says `printable: false`. */
  printable: boolean;
  /** Longest side of the print in millimetres, 0.1..10000. */
  sizeMm: number;
  /** Moves the photograph's camera a little, where the mesh's outline then agrees better with the completion's. */
  refineCamera: boolean;
}

export const MESH_DEFAULTS: Readonly<MeshOptions> = {
  triangles: SIMPLIFY_DEFAULTS.triangles,
  textureSize: BAKE_DEFAULTS.textureSize,
  compress: GLB_DEFAULTS.compress,
  textureFormat: GLB_DEFAULTS.textureFormat,
  textureQuality: GLB_DEFAULTS.textureQuality,
  maxBytes: null,
  smooth: SHAPE_DEFAULTS.smooth,
  minVolumeShare: CLEAN_DEFAULTS.minVolumeShare,
  printable: false,
  sizeMm: DEFAULT_SIZE_MM,
  refineCamera: true,
};

/** A print that lacks more than this share of the surface is not the object any more. */
const MAX_LOST = 0.02;

/** Bytes kept free for what the file says about itself, beside the record. */
const REPORT_BYTES = 3000;

/** What the mesh stage takes: any surface with the pictures that show it. */
export interface MeshStageInput extends Omit<MeshInput, 'surface'> {
  surface: { mesh: Mesh };
  /** The surface with materials of its own; its colours lie under those of the pictures. */
  original?: MaterialMesh;
}

/** No change. */
const WORLD: AssetTransform = { centre: [0, 0, 0], scale: 1, yawDeg: 0 };

/**
 * From a fitted surface and the pictures it came from to a textured GLB: clean, smooth, simplify, unwrap, bake, export.
 * `mesh` of the result stays in the world frame, where the cameras are; the GLB is centred, turned to the photo's camera and of size 1, and
 * the report says how (`scale`, `centreX..Z`, `yawDeg`). Without photo and completion the GLB stays in the world frame of the views.
 * A result that is bad by its own check (`grade`), or that could not be made printable, is given all the same: the report says so.
 */
export function createMeshStage({
  codec,
}: {
  codec: Pick<ImageCodec, 'encodePng' | 'encodeJpeg' | 'encodeWebp'>;
}): Stage<MeshStageInput, Asset, MeshOptions> {
  return {
    name: 'mesh',
    version: '4',
    defaults: MESH_DEFAULTS,
    async run(input, options, { signal, emit, gpu }) {
      checkOptions(options);
      await breathe(signal);

      const front = input.photo ?? input.completion;
      const place = (mesh: Mesh, onDefect?: (triangle: number) => void) =>
        printModel(front ? normaliseMesh(mesh, front.camera).mesh : mesh, options.sizeMm, onDefect);

      // 1. geometry
      let trianglesTried = options.triangles;
      const build = async (triangles: number) => {
        trianglesTried = triangles;
        const made = await shapeMesh(input.surface.mesh, { ...shaping, triangles });
        if (options.maxBytes !== null) emit({ kind: 'info', message: `${made.mesh.indices.length / 3} triangles` });
        return made;
      };
      const shaping = {
        smooth: options.smooth,
        minVolumeShare: options.minVolumeShare,
        // a texture keeps the colours; triangles are then for the shape
        colorWeight: options.textureSize > 0 ? 0 : SHAPE_DEFAULTS.colorWeight,
        solid: options.printable,
        // rounding to millimetres moves vertices by a last bit, which can be one too many
        checker: options.printable
          ? (candidate: Mesh, onDefect?: (triangle: number) => void) => place(candidate, onDefect).check
          : checkSolid,
        signal,
      };
      const glbOptions: GlbOptions = {
        compress: options.compress,
        textureFormat: options.textureFormat,
        textureQuality: options.textureQuality,
      };
      const room = options.maxBytes === null ? Infinity : options.maxBytes - REPORT_BYTES - JSON.stringify(input.record ?? {}).length;
      const geometryBytes = async ({ mesh: bare }: { mesh: Mesh }) => {
        await breathe(signal);
        const normals = computeNormals(bare);
        if (options.textureSize === 0) return (await writeGlb({ mesh: creaseNormals({ ...bare, normals }) }, codec, glbOptions)).length;
        const { colors: _, ...cut } = unwrapMesh({ ...bare, normals }, { ...UNWRAP_DEFAULTS, textureSize: options.textureSize }).mesh;
        const creased = creaseNormals(cut);
        return (await writeGlb({ mesh: creased, origin: new Uint8Array((creased.positions.length / 3) * 4) }, codec, glbOptions)).length;
      };
      const shape =
        options.maxBytes === null
          ? await build(options.triangles)
          : await fitGeometry(build, geometryBytes, { triangles: options.triangles, bytes: room, textured: options.textureSize > 0 });
      const { clean, check } = shape;
      let mesh: Mesh = { ...shape.mesh, normals: computeNormals(shape.mesh) };
      const topology = meshTopology(mesh);
      emit({
        kind: 'info',
        message: `${clean.trianglesIn} -> ${topology.triangles} triangles, ${clean.partsKept} of ${clean.partsIn} parts, deviation ${(shape.simplifyError * 100).toFixed(2)} %`,
      });
      if (shape.repair !== 'none' && shape.repair !== 'kept')
        emit({ kind: 'info', message: `the surface was ${shape.repair} to be printable` });
      if (!check.sound) emit({ kind: 'warning', code: 'mesh-unsound', message: `the mesh has ${check.problems.join(', ')}` });

      // 2. cameras: one change for the photograph and the completion, which are two frames of one camera
      const pictures = { ...input };
      const moved: Record<string, number> = {};
      if (options.refineCamera && input.completion) {
        const { change, iou, iouBefore } = refineCamera(mesh, input.completion);
        pictures.completion = { ...input.completion, camera: changeCamera(input.completion.camera, change, mesh) };
        if (input.photo) pictures.photo = { ...input.photo, camera: changeCamera(input.photo.camera, change, mesh) };
        Object.assign(moved, {
          cameraScale: change.scale,
          cameraShiftX: change.shiftX,
          cameraShiftY: change.shiftY,
          cameraElevationDeg: change.elevationDeg,
          cameraRollDeg: change.rollDeg,
          cameraIouBefore: iouBefore,
          cameraIou: iou,
        });
        await breathe(signal);
      }

      // 3. texture
      let origin: Uint8Array | undefined;
      let originTexture: RgbaImage | undefined;
      let texture: Record<string, number> = {};
      let exposures: readonly Readonly<Exposure>[] = [];
      if (options.textureSize > 0) {
        const unwrapped = unwrapMesh(mesh, { ...UNWRAP_DEFAULTS, textureSize: options.textureSize });
        await breathe(signal);
        const baked = await bakeTexture(
          unwrapped.mesh,
          sourcesOf(pictures),
          { ...BAKE_DEFAULTS, textureSize: options.textureSize },
          {
            ...(input.original && { colorAt: materialColor(input.original) }),
            gpu,
            tick: async (done, total) => {
              await breathe(signal);
              emit({ kind: 'progress', done, total, unit: 'tile' });
            },
          },
        );
        const { colors: _, ...plain } = unwrapped.mesh;
        mesh = creaseNormals({ ...plain, texture: baked.texture });
        origin = originOfVertices(mesh, baked);
        originTexture = originOfTexels(baked, options.textureSize);
        if (options.maxBytes !== null) {
          const fitted = await fitTexture(
            baked.texture,
            async ({ texture: candidate, quality, format }) => {
              await breathe(signal);
              const content = {
                mesh: { ...mesh, texture: candidate },
                origin: origin!,
                originTexture: originOfTexels(baked, candidate.width),
              };
              return (await writeGlb(content, codec, { ...glbOptions, textureQuality: quality, textureFormat: format })).length;
            },
            { quality: options.textureQuality, bytes: room, format: options.textureFormat },
          );
          glbOptions.textureQuality = fitted.quality;
          glbOptions.textureFormat = fitted.format;
          mesh = { ...mesh, texture: fitted.texture };
          originTexture = originOfTexels(baked, fitted.texture.width);
        }
        // generated views come last
        exposures = baked.exposures.slice(baked.exposures.length - input.views.length);
        texture = {
          textureSize: mesh.texture!.width,
          textureQuality: glbOptions.textureQuality,
          charts: unwrapped.charts,
          atlasUtilisation: unwrapped.utilisation,
          atlasStretch: unwrapped.stretch,
          seenByPhoto: baked.seen.photo,
          seenByCompletionOnly: baked.seen.completion,
          guessed: baked.seen.guessed,
          inNoView: baked.unseen,
          ...meanGain(exposures),
          exposureChange: exposureChange(baked.exposures),
        };
      } else mesh = creaseNormals(mesh);
      await breathe(signal);

      // 4. what the pictures say to it
      const agreement: Record<string, number> = {};
      const evidence: Evidence = {};
      if (pictures.photo) {
        const { covered, psnrDb } = compareWithView(mesh, pictures.photo);
        Object.assign(agreement, { photoCovered: covered, photoPsnrDb: psnrDb });
        const photo = compareWithPhoto(mesh, pictures.photo, pictures.completion);
        if (photo) Object.assign(agreement, (evidence.photo = photo));
      }
      if (pictures.completion) {
        const { iou, psnrDb } = compareWithView(mesh, pictures.completion);
        Object.assign(agreement, { completionIou: iou, completionPsnrDb: psnrDb });
      }
      let iou = 0;
      let psnrDb = 0;
      let worst = 1;
      for (const [v, view] of input.views.entries()) {
        await breathe(signal);
        const one = compareWithView(mesh, view, 128, exposures[v]);
        iou += one.iou / input.views.length;
        psnrDb += one.psnrDb / input.views.length;
        worst = Math.min(worst, one.iou);
      }
      if (input.views.length > 0) {
        const views = { viewsIou: iou, worstViewIou: worst, viewsPsnrDb: psnrDb };
        Object.assign(agreement, views);
        Object.assign(evidence, views);
      }
      if (texture.inNoView !== undefined && sourcesOf(input).length > 0 && !input.original) evidence.inNoView = texture.inNoView;
      const { grade, reasons } = gradeAsset(evidence);
      if (grade === 'bad') emit({ kind: 'warning', code: 'bad-result', message: `by its own check a bad result: ${reasons.join('; ')}` });
      for (const [name, value] of Object.entries(agreement)) emit({ kind: 'metric', step: 0, name, value });

      // 5. print
      let print: Asset['print'];
      let printReport: Asset['report'] = {};
      if (options.printable) {
        const model = place(mesh);
        const problems = [...model.check.problems];
        if (shape.lost > MAX_LOST) problems.push(`${(shape.lost * 100).toFixed(0)} % of its surface missing after repair`);
        const printable = problems.length === 0;
        if (printable) print = { stl: writeStl(model.mesh), threeMf: write3mf(model.mesh) };
        else emit({ kind: 'warning', code: 'not-printable', message: `not printable: ${problems.join(', ')}` });
        printReport = {
          printable,
          printProblems: problems.join('; '),
          printRepair: shape.repair,
          printLost: shape.lost,
          printWidthMm: model.sizeMm[0],
          printDepthMm: model.sizeMm[1],
          printHeightMm: model.sizeMm[2],
          printVolumeMm3: model.check.volume,
        };
        await breathe(signal);
      }

      // 6. export
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
        trianglesIn: clean.trianglesIn,
        partsIn: clean.partsIn,
        partsKept: clean.partsKept,
        partsTooSmall: clean.partsTooSmall,
        partsInside: clean.partsInside,
        degenerateTriangles: clean.degenerateTriangles,
        duplicateTriangles: clean.duplicateTriangles,
        flipped: clean.flipped,
        simplifyError: shape.simplifyError,
        closed: topology.closed,
        sound: check.sound,
        problems: check.problems.join('; '),
        boundaryEdges: check.boundaryEdges,
        nonManifoldEdges: check.nonManifoldEdges,
        inconsistentEdges: check.inconsistentEdges,
        nonManifoldVertices: check.nonManifoldVertices,
        selfIntersections: check.intersections,
        euler: topology.euler,
        volume: topology.volume * transform.scale ** 3,
        area: topology.area * transform.scale ** 2,
        ...(options.maxBytes !== null && {
          maxBytes: options.maxBytes,
          budgetTook: tookFor(options, topology.triangles, trianglesTried, mesh.texture, glbOptions),
        }),
        ...texture,
        ...moved,
        ...agreement,
        grade,
        gradeReasons: reasons.join('; '),
        ...printReport,
        scale: transform.scale,
        centreX: transform.centre[0],
        centreY: transform.centre[1],
        centreZ: transform.centre[2],
        yawDeg: transform.yawDeg,
      });
      const glb = await writeGlb(
        { mesh: placed, ...(origin && { origin }), ...(originTexture && { originTexture }), extras: { ...input.record, report } },
        codec,
        glbOptions,
      );
      if (options.maxBytes !== null && glb.length > options.maxBytes)
        throw new ByteBudgetError(options.maxBytes, glb.length, 'a record of its making that is longer than the room kept for it');
      await breathe(signal);
      return { mesh, glb, ...(print && { print }), report: { ...report, glbBytes: glb.length } };
    },
  };
}

function sourcesOf(input: MeshStageInput): BakeSource[] {
  return [
    ...(input.photo ? [{ kind: 'photo' as const, view: input.photo }] : []),
    ...(input.completion ? [{ kind: 'completion' as const, view: input.completion }] : []),
    ...input.views.map((view) => ({ kind: 'generated' as const, view })),
  ];
}

/** What a byte budget cost, for people; empty when everything is as it was asked for. */
function tookFor(
  asked: Readonly<MeshOptions>,
  triangles: number,
  budget: number,
  texture: RgbImage | undefined,
  used: Readonly<GlbOptions>,
): string {
  const took: string[] = [];
  if (budget < asked.triangles) took.push(`${triangles} triangles for ${asked.triangles}`);
  if (texture && texture.width < asked.textureSize) took.push(`a texture of ${texture.width} px for ${asked.textureSize}`);
  if (used.textureFormat !== asked.textureFormat) took.push(`its colours as ${asked.compress === 'meshopt' ? 'WebP' : 'JPEG'} for PNG`);
  if (used.textureQuality < asked.textureQuality) took.push(`its quality ${used.textureQuality} for ${asked.textureQuality}`);
  return took.join('; ');
}

function meanGain(exposures: readonly Readonly<Exposure>[]): Record<'gainRed' | 'gainGreen' | 'gainBlue', number> {
  const mean = (k: number) => (exposures.length > 0 ? exposures.reduce((sum, { gain }) => sum + gain[k], 0) / exposures.length : 1);
  return { gainRed: mean(0), gainGreen: mean(1), gainBlue: mean(2) };
}

/** Most that any picture's mid-grey was changed by, of 255. */
function exposureChange(exposures: readonly Readonly<Exposure>[]): number {
  return Math.max(0, ...exposures.flatMap(({ gain, offset }) => gain.map((value, k) => Math.abs(128 * (value - 1) + offset[k]))));
}

function originOfVertices(mesh: Mesh, { origin, confidence }: Pick<Baked, 'origin' | 'confidence'>): Uint8Array {
  const uvs = mesh.uvs!;
  const out = new Uint8Array((uvs.length / 2) * 4);
  const rgb = new Float32Array(3);
  const texel = (value: number) => Math.min(confidence.width - 1, Math.max(0, Math.floor(value * confidence.width)));
  for (let v = 0; v < uvs.length / 2; v++) {
    sampleBilinear(origin, uvs[v * 2], uvs[v * 2 + 1], rgb);
    for (let c = 0; c < 3; c++) out[v * 4 + c] = Math.round(rgb[c]);
    out[v * 4 + 3] = confidence.data[texel(uvs[v * 2 + 1]) * confidence.width + texel(uvs[v * 2])];
  }
  return out;
}

/** Where colours are from changes slowly: a quarter of the texels in each direction says it, in steps of 16, and packs well. */
function originOfTexels({ origin, confidence }: Pick<Baked, 'origin' | 'confidence'>, textureSize: number): RgbaImage {
  const size = Math.max(16, textureSize >> 2);
  const small = resample(origin, size, size);
  const sure = resample(confidence, size, size);
  const out = createImage(size, size, 4);
  const step = (value: number) => Math.min(255, Math.round(value / 17) * 17);
  for (let i = 0; i < size * size; i++) {
    for (let c = 0; c < 3; c++) out.data[i * 4 + c] = step(small.data[i * 3 + c]);
    out.data[i * 4 + 3] = step(sure.data[i]);
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
  maxBytes,
  smooth,
  minVolumeShare,
  printable,
  sizeMm,
  refineCamera: refine,
}: Readonly<MeshOptions>): void {
  const whole = (name: string, value: number, low: number, high: number, also = '') => {
    if (!Number.isInteger(value) || value < low || value > high)
      throw new OptionError(name, `a whole number from ${low} to ${high}${also}`, String(value));
  };
  whole('triangles', triangles, 12, 2_000_000);
  if (textureSize !== 0) whole('textureSize', textureSize, 64, 4096, ', or 0 for vertex colours');
  if (compress !== 'none' && compress !== 'meshopt') throw new OptionError('compress', 'none or meshopt', String(compress));
  if (!['auto', 'jpeg', 'png', 'webp'].includes(textureFormat))
    throw new OptionError('textureFormat', 'auto, jpeg, png or webp', String(textureFormat));
  whole('textureQuality', textureQuality, 1, 100);
  if (maxBytes !== null) whole('maxBytes', maxBytes, 10_000, 1_000_000_000, ', or null');
  whole('smooth', smooth, 0, 100);
  if (!(minVolumeShare >= 0 && minVolumeShare <= 1))
    throw new OptionError('minVolumeShare', 'a number from 0 to 1', String(minVolumeShare));
  if (typeof refine !== 'boolean') throw new OptionError('refineCamera', 'true or false', String(refine));
  if (typeof printable !== 'boolean') throw new OptionError('printable', 'true or false', String(printable));
  if (!(sizeMm >= 0.1 && sizeMm <= 10_000)) throw new OptionError('sizeMm', 'millimetres from 0.1 to 10000', String(sizeMm));
}
