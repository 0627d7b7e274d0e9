import { type ByteSource, readRange } from './byte-source.ts';
import type { Checkpoint } from './checkpoint.ts';
import { CheckpointDamagedError } from './errors.ts';
import { openSafetensors, safetensorsHeaderLength } from './safetensors.ts';
import { openTorchZip } from './torch-zip.ts';

/**
 * Opens a checkpoint of any known format: PyTorch zip, TorchScript, safetensors. Reads structure only, no tensor.
 * @throws CheckpointDamagedError, CheckpointUnsafeError, whatever the source throws
 */
export async function openCheckpoint(source: ByteSource): Promise<Checkpoint> {
  const start = await readRange(source, 'the first bytes', 0, Math.min(4, source.size));
  if (start[0] === 0x50 && start[1] === 0x4b) return openTorchZip(source);
  const headerLength = await safetensorsHeaderLength(source);
  if (headerLength !== undefined) return openSafetensors(source, headerLength);
  throw new CheckpointDamagedError(
    source.name,
    'a PyTorch checkpoint of version 1.6 or later, a TorchScript archive or a safetensors file',
    start[0] === 0x80 ? "PyTorch's format of before 1.6, which has to be saved again with a later version" : 'another kind of file',
  );
}
