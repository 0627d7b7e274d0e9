import { GestaltError } from '@gestalt3d/core';

/** A checkpoint that is truncated, corrupted, hostile or of another format. */
export class CheckpointDamagedError extends GestaltError {
  constructor(file: string, expected: string, got: string) {
    super('checkpoint-damaged', `checkpoint ${file}: expected ${expected}, got ${got}; download it again, nothing was imported`);
  }
}

/** A pickle that names something which could do more than hold data. Nothing of it was executed. */
export class CheckpointUnsafeError extends GestaltError {
  constructor(file: string, global: string) {
    super(
      'checkpoint-unsafe',
      `checkpoint ${file}: expected tensors, numbers, strings and known containers, got the global ${global}, which is not allowed and was not executed; use a file from its original source`,
    );
  }
}

/** A readable checkpoint that is none of the known models, or lacks a tensor of the one it should be. */
export class CheckpointUnknownError extends GestaltError {
  constructor(file: string, expected: string, got: string) {
    super('checkpoint-unknown', `checkpoint ${file}: expected ${expected}, got ${got}; see gestalt3d import --help for what is known`);
  }
}
