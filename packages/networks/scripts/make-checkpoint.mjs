/**
 * Writes a synthetic checkpoint in a published layout: names, shapes, dtypes, Lightning's extras and the optimizer's state as in the original, random
 * weights.
 *
 *     node packages/networks/scripts/make-checkpoint.mjs pix2gestalt|syncdreamer|clip|sam FILE [--full] [--seed N]
 *
 * Without --full the networks are small (a few MB); with it pix2gestalt takes 15.5 GB, syncdreamer 5.6 GB, clip 1.7 GB, sam (ViT-B) 0.4 GB.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import * as zlib from 'node:zlib';
import { centralDirectory, crcOf, localHeader, PickleWriter } from '../../onnx/scripts/torch-zip-writer.mjs';

const fixture = (name) => JSON.parse(readFileSync(new URL(`../test/fixtures/${name}.fixture`, import.meta.url), 'utf8'));
const crc32 = (bytes, crc) => (zlib.crc32 ? zlib.crc32(bytes, crc) : crcOf(bytes));

/** [name, shape] of every tensor below a prefix. */
function tensorsOf(inventory, prefix = '') {
  return inventory.split('\n').map((line) => {
    const [name, dims] = line.split(' ');
    return [prefix + name, dims ? dims.split(',').map(Number) : []];
  });
}

/** The layouts. @returns {{ tensors: [string, number[]][], optimized?: (name: string) => boolean, lightning: boolean }} */
function layoutOf(model, full) {
  const all = full ? fixture('inventories') : undefined;
  const of = (fullName, small) => (all ? all[fullName] : fixture(small).inventory);
  const clip = () => tensorsOf(of('clip-vit-l-14', 'clip'));
  const width = full ? 768 : 48;
  /** The visual tower, and what is left of the text side after the text transformer is deleted. */
  const frozenClip = (prefix) =>
    clip()
      .filter(([name]) => !name.startsWith('transformer.'))
      .map(([name, shape]) => [prefix + name, shape]);
  const vae = () => tensorsOf(of('vae', 'vae'), 'first_stage_model.');
  const buffers = (names) => names.split(' ').map((name) => [name, [1000]]);
  if (model === 'pix2gestalt') {
    const unet = tensorsOf(of('pix2gestalt-unet', 'unet'), 'model.diffusion_model.');
    const tensors = [
      ...buffers(
        'betas alphas_cumprod alphas_cumprod_prev sqrt_alphas_cumprod sqrt_one_minus_alphas_cumprod log_one_minus_alphas_cumprod sqrt_recip_alphas_cumprod sqrt_recipm1_alphas_cumprod posterior_variance posterior_log_variance_clipped posterior_mean_coef1 posterior_mean_coef2',
      ),
      ...unet,
      ['model_ema.decay', []],
      ['model_ema.num_updates', []],
      ...unet.map(([name, shape]) => [`model_ema.${name.slice(6).replaceAll('.', '')}`, shape]),
      ...vae(),
      ...frozenClip('cond_stage_model.model.'),
      ['cc_projection.weight', [width, width]],
      ['cc_projection.bias', [width]],
    ];
    return {
      tensors,
      lightning: true,
      optimized: (name) => name.startsWith('model.diffusion_model.') || name.startsWith('cc_projection.'),
    };
  }
  if (model === 'syncdreamer') {
    const volumes = tensorsOf(of('syncdreamer-rest', 'volumes')).filter(([name]) => !name.startsWith('cc_projection'));
    const views = full ? 16 : 3;
    const tensors = [
      ...buffers(
        'betas alphas alphas_cumprod sqrt_alphas_cumprod sqrt_one_minus_alphas_cumprod posterior_variance posterior_log_variance_clipped',
      ),
      ['poses', [views, 3, 4]],
      ['Ks', [views, 3, 3]],
      ['azimuth', [views]],
      ...volumes,
      ['cc_projection.weight', [width, width + 4]],
      ['cc_projection.bias', [width]],
      ...vae(),
      ...frozenClip('clip_image_encoder.model.'),
      ...tensorsOf(of('syncdreamer-unet', 'depth-unet'), 'model.diffusion_model.'),
    ];
    return { tensors, lightning: true };
  }
  if (model === 'clip') {
    // room for the bytes, a few merges, start and end: the small fixture knows 100 tokens, which no text has
    const tensors = clip().map(([name, shape]) => [name, !full && name === 'token_embedding.weight' ? [520, shape[1]] : shape]);
    return { tensors, lightning: false };
  }
  if (model === 'sam') return { tensors: tensorsOf(of('sam-vit-b', 'sam')), lightning: false };
  throw new Error(`no layout ${model}`);
}

/** abar of Stable Diffusion; the importer checks it. */
function alphasCumprod() {
  let product = 1;
  return Float32Array.from({ length: 1000 }, (_, t) => {
    product *= 1 - (Math.sqrt(0.00085) + (t / 999) * (Math.sqrt(0.012) - Math.sqrt(0.00085))) ** 2;
    return product;
  });
}

/** Buffers that mean something, by name; everything else is noise. `views`: of SyncDreamer's rig, evenly round the object. */
function specials(views) {
  const [ce, se] = [Math.cos(Math.PI / 6), 0.5];
  const azimuths = Array.from({ length: views }, (_, i) => (2 * Math.PI * i) / views);
  const poses = azimuths.flatMap((a) => {
    const [ca, sa] = [Math.cos(a), Math.sin(a)];
    return [-sa, ca, 0, 0, se * ca, se * sa, -ce, 0, -ca * ce, -sa * ce, -se, 1.5];
  });
  return {
    alphas_cumprod: alphasCumprod(),
    poses: Float32Array.from(poses),
    Ks: Float32Array.from(azimuths.flatMap(() => [280, 0, 128, 0, 280, 128, 0, 0, 1])),
    // -pi .. pi, as in the original
    azimuth: Float32Array.from(azimuths.map((a) => (a >= Math.PI ? a - 2 * Math.PI : a))),
  };
}

const BLOCK = 2 ** 20;

/** Storage i's numbers, in pieces: a million random numbers, rotated by the storage. */
function* dataOf(noise, index, count) {
  let left = count;
  for (let start = (index * 7919) % BLOCK; left > 0; start = 0) {
    const piece = noise.subarray(start, Math.min(BLOCK, start + left));
    yield new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
    left -= piece.length;
  }
}

/** @returns the number of bytes written */
export function writeCheckpoint(path, model, { full = false, seed = 1 } = {}) {
  const layout = layoutOf(model, full);
  const storages = [];
  const place = (shape, special) => {
    storages.push({ count: shape.reduce((a, b) => a * b, 1), special });
    return String(storages.length - 1);
  };
  const strides = (shape) => shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const tensor = (shape, special) => (p) =>
    p.tensor('FloatStorage', place(shape, special), storages.at(-1).count, 0, shape, strides(shape));

  const special = specials(layout.tensors.find(([name]) => name === 'azimuth')?.[1][0] ?? 0);
  const state = layout.tensors.map(([name, shape]) => [name, tensor(shape, special[name])]);
  const pickle = new PickleWriter();
  if (!layout.lightning) pickle.dict(state);
  else {
    const optimized = layout.tensors.filter(([name]) => layout.optimized?.(name));
    const moments = optimized.map(([, shape], i) => [
      (p) => p.int(i),
      (p) =>
        p.dict([
          ['step', (q) => q.int(1000)],
          ['exp_avg', tensor(shape)],
          ['exp_avg_sq', tensor(shape)],
        ]),
    ]);
    const group = [
      ['lr', (p) => p.float(1e-4)],
      ['params', (p) => p.list(optimized.map((_, i) => (q) => q.int(i)))],
    ];
    const checkpoint = (p) => p.global('pytorch_lightning.callbacks.model_checkpoint', 'ModelCheckpoint');
    pickle.dict([
      ['epoch', (p) => p.int(5)],
      ['global_step', (p) => p.int(21000)],
      ['pytorch-lightning_version', (p) => p.string('1.4.2')],
      ['state_dict', (p) => p.dict(state)],
      ['callbacks', (p) => p.dict([[checkpoint, (q) => q.dict([['best_model_path', (r) => r.string('epoch=000005.ckpt')]])]])],
      [
        'optimizer_states',
        (p) =>
          p.list(
            optimized.length
              ? [
                  (q) =>
                    q.dict([
                      ['state', (r) => r.dict(moments)],
                      ['param_groups', (r) => r.list([(t) => t.dict(group)])],
                    ]),
                ]
              : [],
          ),
      ],
      ['lr_schedulers', (p) => p.list([])],
    ]);
  }

  const noise = new Float32Array(BLOCK);
  for (let i = 0, x = seed >>> 0; i < BLOCK; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    noise[i] = (x / 2147483648 - 1) * 0.03;
  }
  const file = openSync(path, 'w');
  const entries = [];
  let at = 0;
  const write = (name, pieces, size) => {
    let crc = 0;
    let position = at + localHeader(name, size, 0, at).length;
    for (const piece of pieces) {
      crc = crc32(piece, crc);
      writeSync(file, piece, 0, piece.length, position);
      position += piece.length;
    }
    writeSync(file, localHeader(name, size, crc, at), 0, undefined, at);
    entries.push({ name, size, crc32: crc, headerOffset: at });
    at = position;
  };
  const bytes = pickle.bytes();
  write('archive/data.pkl', [bytes], bytes.length);
  for (const [i, { count, special }] of storages.entries())
    write(`archive/data/${i}`, special ? [new Uint8Array(special.buffer)] : dataOf(noise, i, count), 4 * count);
  write('archive/version', [Uint8Array.of(0x33, 0x0a)], 2);
  const end = centralDirectory(entries, at);
  writeSync(file, end, 0, end.length, at);
  closeSync(file);
  return at + end.length;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [model, path, ...flags] = process.argv.slice(2);
  const seed = flags.includes('--seed') ? Number(flags[flags.indexOf('--seed') + 1]) : 1;
  console.log(`${writeCheckpoint(path, model, { full: flags.includes('--full'), seed })} bytes`);
}
