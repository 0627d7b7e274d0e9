import type { ErrorCode } from '@gestalt3d/core';

/** 0 done, 1 a defect of ours, 130 interrupted; the rest by what the user can do about it. */
export const EXIT = { usage: 2, input: 3, model: 4, storage: 5, device: 6, result: 7, notPrintable: 8, bad: 9, interrupted: 130 } as const;

const STATUS: Record<ErrorCode, number> = {
  option: EXIT.usage,
  'prompt-missing': EXIT.usage,
  'prompt-outside-image': EXIT.usage,
  'mask-size': EXIT.usage,
  'image-decode': EXIT.input,
  'image-too-large': EXIT.input,
  'empty-mask': EXIT.input,
  'views-format': EXIT.input,
  'mesh-format': EXIT.input,
  'run-folder': EXIT.input,
  'not-found': EXIT.input,
  conflict: EXIT.input,
  'model-missing': EXIT.model,
  'model-corrupt': EXIT.model,
  'checkpoint-damaged': EXIT.input,
  'checkpoint-unsafe': EXIT.input,
  'checkpoint-unknown': EXIT.input,
  'disk-full': EXIT.storage,
  storage: EXIT.storage,
  'port-in-use': EXIT.device,
  'device-unavailable': EXIT.device,
  'device-lost': EXIT.device,
  'memory-short': EXIT.device,
  'shader-compile': EXIT.device,
  numerical: EXIT.result,
  'shape-mismatch': EXIT.result,
  'no-surface': EXIT.result,
  'not-printable': EXIT.notPrintable,
  'byte-budget': EXIT.result,
  'bad-result': EXIT.bad,
  'not-reproduced': EXIT.result,
};

export const exitStatusOf = (code: ErrorCode): number => STATUS[code];
