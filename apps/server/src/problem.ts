import { type ErrorCode, GestaltError } from '@gestalt3d/core';

/** RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  stage?: string;
}

const STATUS: Record<ErrorCode, number> = {
  'image-decode': 422,
  'image-too-large': 413,
  'prompt-outside-image': 422,
  'prompt-missing': 422,
  'empty-mask': 422,
  'mask-size': 422,
  option: 400,
  'views-format': 422,
  'mesh-format': 422,
  'run-folder': 409,
  conflict: 409,
  'not-found': 404,
  'model-missing': 500,
  'model-corrupt': 500,
  'checkpoint-damaged': 422,
  'checkpoint-unsafe': 422,
  'checkpoint-unknown': 422,
  'disk-full': 507,
  storage: 500,
  'port-in-use': 500,
  'device-unavailable': 503,
  'device-lost': 503,
  'memory-short': 503,
  'shader-compile': 500,
  numerical: 500,
  'shape-mismatch': 500,
  'no-surface': 422,
  'not-printable': 422,
  'byte-budget': 422,
  'bad-result': 422,
  'not-reproduced': 422,
};

const titleOf = (code: string): string => code.charAt(0).toUpperCase() + code.slice(1).replaceAll('-', ' ');

/** What the client is told about an error; unforeseen ones keep their stack to the server's log. */
export function problemOf(error: unknown): Problem {
  if (error instanceof GestaltError) {
    const problem: Problem = {
      type: `urn:gestalt3d:problem:${error.code}`,
      title: titleOf(error.code),
      status: STATUS[error.code],
      detail: error.message,
      code: error.code,
    };
    if (error.stage) problem.stage = error.stage;
    return problem;
  }
  // errors of express and multer carry a status of their own
  const { status, message, code } = error as { status?: number; message?: string; code?: string };
  if (code === 'LIMIT_FILE_SIZE')
    return problem('upload-too-large', 413, 'expected a photograph of at most 64 MB, got a larger file; scale it down and retry');
  if (code?.startsWith('LIMIT_')) return problem('upload', 400, `expected one file in the field photo, got another upload (${message})`);
  if (status && status >= 400 && status < 500) return problem('request', status, message ?? 'the request is not well formed');
  return problem('internal', 500, 'unexpected failure; the server log has the details, please report it');
}

export function problem(code: string, status: number, detail: string): Problem {
  return { type: `urn:gestalt3d:problem:${code}`, title: titleOf(code), status, detail, code };
}
