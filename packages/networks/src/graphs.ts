import {
  concat,
  expandBatch,
  type FloatDtype,
  GraphBuilder,
  linear,
  reshape,
  scale,
  transpose,
  type Value,
  type WeightSource,
} from '@gestalt3d/onnx';
import { type ClipImageConfig, type ClipTextConfig, clipImageTower, clipPixels, clipTextTower } from './clip.ts';
import { type SamImageConfig, samImageEncoder } from './sam-image-encoder.ts';
import { type SamDecoderConfig, samMaskDecoder } from './sam-mask-decoder.ts';
import {
  frustumNetwork,
  type SyncDreamerVolumeConfig,
  sampleByTable,
  spatialNetwork,
  viewEncoder,
  volumeTimeEmbedding,
} from './syncdreamer-volumes.ts';
import { type UNetConfig, unet } from './unet.ts';
import { type VaeConfig, vaeDecoder, vaeEncoder } from './vae.ts';

/** What every graph needs. */
export interface GraphOptions {
  weights: WeightSource;
  precision?: FloatDtype;
  /** The network's root in the weight source, without the last dot. */
  root?: string;
}

/**
 * x [B, inChannels, n, n], t [B], context [B, M, contextWidth] -> eps [B, outChannels, n, n].
 * @param contextTokens M; with 1 the cross-attention folds
 */
export function unetGraph(
  { weights, root = '', eightBit = false, ...options }: GraphOptions & { eightBit?: boolean },
  config: UNetConfig,
  { latentSize, contextTokens = 1 }: { latentSize: number; contextTokens?: number },
): GraphBuilder {
  const g = new GraphBuilder('unet', weights, { ...options, eightBit });
  const x = g.input('x', 'float32', ['B', config.inChannels, latentSize, latentSize]);
  const t = g.exactInput('t', 'float32', ['B']);
  const context = g.input('context', 'float32', ['B', contextTokens, config.contextWidth]);
  g.output('eps', unet(g.scope(root), x, t, context, config));
  return g;
}

/**
 * SyncDreamer's, both branches of guidance at once: z [V, 4, n, n], t [V], context [V, 1, contextWidth], concat [V, 4, n, n], volume<width>
 * [V, C, D, width, width] -> eps and epsNull [V, outChannels, n, n]. The null branch has no context, no concat and no volumes; its depth attention is a
 * constant (`depthTransformer`).
 * @param frustumDepth depth of the widest volume
 */
export function guidedUnetGraph(
  { weights, root = '', eightBit = false, ...options }: GraphOptions & { eightBit?: boolean },
  config: UNetConfig & { volumeChannels: readonly number[] },
  { latentSize, frustumDepth }: { latentSize: number; frustumDepth: number },
): GraphBuilder {
  const g = new GraphBuilder('unet', weights, { ...options, eightBit });
  const z = g.input('z', 'float32', ['V', config.outChannels, latentSize, latentSize]);
  const t = g.exactInput('t', 'float32', ['V']);
  const context = g.input('context', 'float32', ['V', 1, config.contextWidth]);
  const beside = g.input('concat', 'float32', ['V', config.inChannels - config.outChannels, latentSize, latentSize]);
  const volumes = new Map<number, Value>();
  for (const [level, channels] of config.volumeChannels.entries()) {
    const width = latentSize >> level;
    volumes.set(width, g.input(`volume${width}`, 'float32', ['V', channels, frustumDepth >> level, width, width]));
  }
  const withNull = (value: Value): Value => concat(g, [value, scale(g, value, 0)], 0);
  const x = concat(g, [concat(g, [z, z], 0), withNull(beside)], 1);
  const both = unet(g.scope(root), x, concat(g, [t, t], 0), withNull(context), config, volumes);
  const half = ['V', ...both.shape.slice(1)];
  const [eps, epsNull] = g.nodeWithResults('Split', [both], [half, half], { axis: { int: 0 }, num_outputs: { int: 2 } }) as [Value, Value];
  g.output('eps', eps);
  g.output('epsNull', epsNull);
  return g;
}

/** image [B, 3, n, n] in [-1, 1] -> mean and logVariance [B, 4, n / 8, n / 8], not scaled. */
export function vaeEncoderGraph({ weights, root = '', ...options }: GraphOptions, config: VaeConfig, imageSize: number): GraphBuilder {
  const g = new GraphBuilder('vae-encoder', weights, options);
  const { mean, logVariance } = vaeEncoder(g.scope(root), g.input('image', 'float32', ['B', 3, imageSize, imageSize]), config);
  g.output('mean', mean);
  g.output('logVariance', logVariance);
  return g;
}

/** z [B, 4, n, n], scaled -> image [B, 3, 8 n, 8 n], about [-1, 1]. */
export function vaeDecoderGraph({ weights, root = '', ...options }: GraphOptions, config: VaeConfig, latentSize: number): GraphBuilder {
  const g = new GraphBuilder('vae-decoder', weights, options);
  const z = g.input('z', 'float32', ['B', config.latentChannels, latentSize, latentSize]);
  g.output('image', vaeDecoder(g.scope(root), z, config));
  return g;
}

/** pixels [B, 3, n, n], normalised -> embedding [B, width]. */
export function clipImageGraph({ weights, root = 'visual', ...options }: GraphOptions, config: ClipImageConfig): GraphBuilder {
  const g = new GraphBuilder('clip-image', weights, options);
  const pixels = g.input('pixels', 'float32', ['B', 3, config.resolution, config.resolution]);
  g.output('embedding', clipImageTower(g.scope(root), pixels, config));
  return g;
}

/** tokens [B, contextLength] int64 -> embedding [B, width]. */
export function clipTextGraph({ weights, root = '', ...options }: GraphOptions, config: ClipTextConfig): GraphBuilder {
  const g = new GraphBuilder('clip-text', weights, options);
  g.output('embedding', clipTextTower(g.scope(root), g.input('tokens', 'int64', ['B', config.contextLength]), config));
  return g;
}

/** pix2gestalt's: image [1, 3, n, n] in [-1, 1] -> context [1, 1, width], CLIP and the projection behind it. */
export function imageContextGraph(
  { weights, ...options }: GraphOptions,
  config: ClipImageConfig,
  { clipRoot, imageSize }: { clipRoot: string; imageSize: number },
): GraphBuilder {
  const g = new GraphBuilder('context', weights, options);
  const image = g.input('image', 'float32', [1, 3, imageSize, imageSize]);
  const embedding = clipImageTower(g.scope(clipRoot), clipPixels(g.scope(), image, config), config);
  const context = linear(g.scope('cc_projection'), embedding, config.embeddingWidth);
  g.output('context', reshape(g, context, [1, 1, config.embeddingWidth]));
  return g;
}

/** SyncDreamer's: image as above, view [V, viewWidth] -> context [V, 1, width]: every view has its own. */
export function viewContextGraph(
  { weights, ...options }: GraphOptions,
  config: ClipImageConfig,
  { clipRoot, imageSize, viewWidth }: { clipRoot: string; imageSize: number; viewWidth: number },
): GraphBuilder {
  const g = new GraphBuilder('context', weights, options);
  const image = g.input('image', 'float32', [1, 3, imageSize, imageSize]);
  const view = g.input('view', 'float32', ['V', viewWidth]);
  const embedding = clipImageTower(g.scope(clipRoot), clipPixels(g.scope(), image, config), config);
  const context = linear(g.scope('cc_projection'), concat(g, [expandBatch(g, embedding, view), view], 1), config.embeddingWidth);
  g.output('context', reshape(g, context, ['V', 1, config.embeddingWidth]));
  return g;
}

/**
 * All views to the volume that they share: z [V, 4, h, w] noisy latents, t [1], view [V, viewWidth], index and weight [V, 4, n^3] of
 * `unprojectionTable` -> volume [1, C, n, n, n].
 */
export function spatialVolumeGraph({ weights, ...options }: GraphOptions, config: SyncDreamerVolumeConfig): GraphBuilder {
  const g = new GraphBuilder('spatial-volume', weights, options);
  const { views, latentSize, viewChannels, volumeSize: n } = config;
  const z = g.input('z', 'float32', [views, 4, latentSize, latentSize]);
  const t = g.exactInput('t', 'float32', [1]);
  const view = g.input('view', 'float32', [views, config.viewWidth]);
  const index = g.input('index', 'int32', [views, 4, n ** 3]);
  const weight = g.input('weight', 'float32', [views, 4, n ** 3]);
  const time = volumeTimeEmbedding(g.scope('time_embed'), t, config.timeWidth);
  const encoded = viewEncoder(g.scope('spatial_volume.target_encoder'), z, time, view, config);
  const pixels = reshape(g, transpose(g, encoded, [1, 0, 2, 3]), [viewChannels, views * latentSize ** 2]);
  // view-major channels
  const volume = reshape(g, sampleByTable(g.scope(), pixels, index, weight), [1, views * viewChannels, n, n, n]);
  g.output('volume', spatialNetwork(g.scope('spatial_volume.spatial_volume_feats'), volume, time, config.channels));
  return g;
}

/**
 * The volume as some views see it: volume [1, C, n, n, n], t [1], view [F, viewWidth], index and weight [F, 8, depth h w] of `frustumTable`
 * -> volume<width> [F, C, D, width, width], four of them.
 */
export function frustumVolumeGraph({ weights, ...options }: GraphOptions, config: SyncDreamerVolumeConfig): GraphBuilder {
  const g = new GraphBuilder('frustum-volume', weights, options);
  const { latentSize, volumeSize: n, frustumDepth: depth } = config;
  const channels = config.channels[0];
  const points = depth * latentSize ** 2;
  const volume = g.input('volume', 'float32', [1, channels, n, n, n]);
  const t = g.exactInput('t', 'float32', [1]);
  const view = g.input('view', 'float32', ['F', config.viewWidth]);
  const index = g.input('index', 'int32', ['F', 8, points]);
  const weight = g.input('weight', 'float32', ['F', 8, points]);
  const time = volumeTimeEmbedding(g.scope('time_embed'), t, config.timeWidth);
  const seen = sampleByTable(g.scope(), reshape(g, volume, [channels, n ** 3]), index, weight);
  const frustum = reshape(g, seen, ['F', channels, depth, latentSize, latentSize]);
  for (const [width, value] of frustumNetwork(g.scope('spatial_volume.frustum_volume_feats'), frustum, time, view, config.channels))
    g.output(`volume${width}`, value);
  return g;
}

/** image [1, 3, n, n], normalised and padded -> embedding [1, C, n / 16, n / 16]. */
export function samImageGraph({ weights, root = 'image_encoder', ...options }: GraphOptions, config: SamImageConfig): GraphBuilder {
  const g = new GraphBuilder('sam-image', weights, options);
  const image = g.input('image', 'float32', [1, 3, config.imageSize, config.imageSize]);
  g.output('embedding', samImageEncoder(g.scope(root), image, config));
  return g;
}

/** embedding of samImageGraph, points [1, N, 2], labels [1, N], mask [1, 1, 4 n, 4 n], hasMask [1] -> masks [1, 4, 4 n, 4 n], quality [1, 4]. */
export function samDecoderGraph({ weights, root = '', ...options }: GraphOptions, config: SamDecoderConfig): GraphBuilder {
  const g = new GraphBuilder('sam-decoder', weights, options);
  const { width, gridSize: n } = config;
  const embedding = g.input('embedding', 'float32', [1, width, n, n]);
  const prompt = {
    points: g.exactInput('points', 'float32', [1, 'N', 2]),
    labels: g.exactInput('labels', 'float32', [1, 'N']),
    mask: g.input('mask', 'float32', [1, 1, 4 * n, 4 * n]),
    hasMask: g.input('hasMask', 'float32', [1]),
  };
  const { masks, quality } = samMaskDecoder(g.scope(root), embedding, prompt, config);
  g.output('masks', masks);
  g.output('quality', quality);
  return g;
}
