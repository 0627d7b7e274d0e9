import { type Checkpoint, CheckpointUnknownError, streamTensor } from '@gestalt3d/onnx';

/** A small floating-point tensor, whole. */
export async function readSmall(checkpoint: Checkpoint, key: string, signal?: AbortSignal): Promise<Float32Array> {
  const view = checkpoint.tensors.get(key);
  const length = view?.shape.reduce((a, b) => a * b, 1) ?? 0;
  if (length > 1e6) throw new CheckpointUnknownError(checkpoint.source.name, `at most 1,000,000 numbers in ${key}`, String(length));
  const values = new Uint8Array(4 * length);
  let at = 0;
  for await (const piece of streamTensor(checkpoint, key, 'float32', signal)) {
    values.set(piece, at);
    at += piece.length;
  }
  return new Float32Array(values.buffer);
}

/** abar at three timesteps of Stable Diffusion's schedule, float32. */
const SCHEDULE = { 0: 0.99914998, 500: 0.27633268, 999: 0.0046600983 };

/** @throws CheckpointUnknownError when the checkpoint was trained with another noise schedule than the samplers use */
export async function checkSchedule(checkpoint: Checkpoint, signal?: AbortSignal): Promise<void> {
  const values = await readSmall(checkpoint, 'alphas_cumprod', signal);
  for (const [t, expected] of Object.entries(SCHEDULE)) {
    const got = values[Number(t)] ?? Number.NaN;
    if (!(Math.abs(got - expected) < 1e-5 * expected))
      throw new CheckpointUnknownError(checkpoint.source.name, `the noise schedule of Stable Diffusion, ${expected} at ${t}`, String(got));
  }
}
