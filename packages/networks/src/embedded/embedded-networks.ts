import { GraphBuilder, type WeightSource } from '@gestalt3d/onnx';
import { anchoredDenoiser, type CompletionDenoiserConfig } from './completion-denoiser.ts';
import { type CompletionPriorConfig, completionPrior } from './completion-prior.ts';
import { type ImageTowerConfig, imageTower } from './image-tower.ts';
import { JOINT_SIZE, JOINT_VIEWS, type JointDenoiserConfig, jointDenoiser } from './joint-denoiser.ts';
import { type LayeredBodyConfig, layeredBody, type VolumeBodyConfig, volumeBody } from './layered-body.ts';
import { SEGMENTER_SIZE, type SegmenterConfig, segmenter } from './segmenter.ts';

// Only operators of the standard: these graphs run on every execution provider.
const STANDARD = { fused: false };

/** cond [B, 8, n, n] -> whole [B, 4, n, n] */
export function completionPriorGraph(weights: WeightSource, config: CompletionPriorConfig): GraphBuilder {
  const g = new GraphBuilder('prior', weights, STANDARD);
  const cond = g.input('cond', 'float32', ['B', 8, config.size, config.size]);
  g.output('whole', completionPrior(g.scope(), cond, config));
  return g;
}

/** x [B, 4, n, n], cond [B, 8, n, n], t [B], with `prior` also prior [B, 4, n, n] -> v [B, 4, n, n] */
export function completionDenoiserGraph(weights: WeightSource, config: CompletionDenoiserConfig): GraphBuilder {
  const g = new GraphBuilder('denoiser', weights, STANDARD);
  const picture = (name: string, channels: number) => g.input(name, 'float32', ['B', channels, config.size, config.size]);
  const [x, cond, t] = [picture('x', 4), picture('cond', 8), g.input('t', 'float32', ['B'])];
  g.output('v', anchoredDenoiser(g.scope(), x, cond, t, config, config.prior ? picture('prior', 4) : undefined));
  return g;
}

/** image, prompt [B, 3, 128, 128] -> logits [B, 1, 128, 128] */
export function segmenterGraph(weights: WeightSource, config: SegmenterConfig): GraphBuilder {
  const g = new GraphBuilder('segmenter', weights, STANDARD);
  const planes = (name: string) => g.input(name, 'float32', ['B', 3, SEGMENTER_SIZE, SEGMENTER_SIZE]);
  g.output('logits', segmenter(g.scope(), planes('image'), planes('prompt'), config));
  return g;
}

/** image [B, 4, n, n], elevation [B] -> layers [B, 5, n, n] */
export function layeredBodyGraph(weights: WeightSource, config: LayeredBodyConfig): GraphBuilder {
  const g = new GraphBuilder('layers', weights, STANDARD);
  const image = g.input('image', 'float32', ['B', 4, config.size, config.size]);
  g.output('layers', layeredBody(g.scope(), image, g.input('elevation', 'float32', ['B']), config));
  return g;
}

/** image [B, 4, n, n], elevation [B] -> volume [B, 5 + voxels, n, n] */
export function volumeBodyGraph(weights: WeightSource, config: VolumeBodyConfig): GraphBuilder {
  const g = new GraphBuilder('volume', weights, STANDARD);
  const image = g.input('image', 'float32', ['B', 4, config.size, config.size]);
  g.output('volume', volumeBody(g.scope(), image, g.input('elevation', 'float32', ['B']), config));
  return g;
}

/** views, body [1, 16, 4, 64, 64], image [1, 4, 64, 64], t [1] -> x0 [1, 16, 4, 64, 64] */
export function jointDenoiserGraph(weights: WeightSource, config: JointDenoiserConfig): GraphBuilder {
  const g = new GraphBuilder('denoiser', weights, STANDARD);
  const pictures = (name: string, ...leading: number[]) => g.input(name, 'float32', [...leading, 4, JOINT_SIZE, JOINT_SIZE]);
  const [views, body, image] = [pictures('views', 1, JOINT_VIEWS), pictures('body', 1, JOINT_VIEWS), pictures('image', 1)];
  g.output('x0', jointDenoiser(g.scope(), views, body, image, g.input('t', 'float32', [1]), config));
  return g;
}

/** picture [B, 4, n, n] -> embedding [B, 104] */
export function imageTowerGraph(weights: WeightSource, config: ImageTowerConfig): GraphBuilder {
  const g = new GraphBuilder('image', weights, STANDARD);
  const picture = g.input('picture', 'float32', ['B', 4, config.prior.size, config.prior.size]);
  g.output('embedding', imageTower(g.scope(), picture, config));
  return g;
}

/** A configuration as the weights' files carry it, with the defaults of the Python module for what it leaves out. */
type Parsed = Readonly<Record<string, unknown>>;
const withDefaults = <T extends object>(defaults: T, config: Parsed): T => ({ ...defaults, ...config });

const PRIOR: CompletionPriorConfig = { widths: [64, 128, 256], size: 64, unshuffle: 2 };
const DENOISER: CompletionDenoiserConfig = { stem: 32, widths: [64, 128, 256], blocks: 1, temb: 256, size: 64, patch: 1, prior: false };
const SEGMENTER: SegmenterConfig = { encoder: [32, 64, 128], decoder: [24, 32, 64], embedding: 32 };
const LAYERS: LayeredBodyConfig = { widths: [64, 128, 224], depths: [1, 2, 3], size: 64 };

/** The networks that ship with the project, by name: graph from weights and the configuration that their files carry. */
export const EMBEDDED_NETWORKS = {
  'completion-prior': (weights, config) => completionPriorGraph(weights, withDefaults(PRIOR, config)),
  'completion-denoiser': (weights, config) => completionDenoiserGraph(weights, withDefaults(DENOISER, config)),
  segmenter: (weights, config) => segmenterGraph(weights, withDefaults(SEGMENTER, config)),
  'layered-body': (weights, config) => layeredBodyGraph(weights, withDefaults(LAYERS, config)),
  'volume-body': (weights, config) => volumeBodyGraph(weights, withDefaults({ ...LAYERS, voxels: 48 }, config)),
  'joint-denoiser': (weights, config) => jointDenoiserGraph(weights, withDefaults({ width: 64, volume: 32, embed: 64 }, config)),
  'image-tower': (weights, config) => imageTowerGraph(weights, { prior: withDefaults(PRIOR, (config.prior ?? {}) as Parsed) }),
} as const satisfies Record<string, (weights: WeightSource, config: Parsed) => GraphBuilder>;
