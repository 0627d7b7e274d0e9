/** Machine-readable name of a failure; apps map it to an exit status or an HTTP status. */
export type ErrorCode =
  | 'image-decode'
  | 'image-too-large'
  | 'prompt-outside-image'
  | 'prompt-missing'
  | 'empty-mask'
  | 'mask-size'
  | 'option'
  | 'model-missing'
  | 'model-corrupt'
  | 'checkpoint-damaged'
  | 'checkpoint-unsafe'
  | 'checkpoint-unknown'
  | 'run-folder'
  | 'views-format'
  | 'mesh-format'
  | 'disk-full'
  | 'storage'
  | 'port-in-use'
  | 'not-found'
  | 'conflict'
  | 'device-unavailable'
  | 'device-lost'
  | 'memory-short'
  | 'shader-compile'
  | 'numerical'
  | 'shape-mismatch'
  | 'no-surface'
  | 'not-printable'
  | 'byte-budget'
  | 'bad-result'
  | 'not-reproduced';

/**
 * Base of every error this project throws on purpose.
 * A message is one line that says what was expected, what came, and what to do.
 */
export class GestaltError extends Error {
  readonly code: ErrorCode;
  /** Name of the stage it happened in; set once by the pipeline. */
  stage?: string;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The bytes are not an image that can be read, or end too early. */
export class ImageDecodeError extends GestaltError {
  constructor(what: string, reason: string, cause?: unknown) {
    super('image-decode', `expected a complete JPEG, PNG or WebP image, got ${what} (${reason}); export the picture again and retry`, {
      cause,
    });
  }
}

/** The image has more pixels than are worth decoding. */
export class ImageTooLargeError extends GestaltError {
  constructor(width: number, height: number, maxPixels: number) {
    super(
      'image-too-large',
      `expected at most ${(maxPixels / 1e6).toFixed(0)} megapixels, got ${width} x ${height} (${((width * height) / 1e6).toFixed(0)} megapixels); scale the picture down and retry`,
    );
  }
}

/** A point or a box lies outside the picture. */
export class PromptOutsideImageError extends GestaltError {
  constructor(what: string, width: number, height: number) {
    super(
      'prompt-outside-image',
      `expected a prompt inside the ${width} x ${height} picture, got ${what}; coordinates are pixels from the top left`,
    );
  }
}

/** No point, box or mask says which object is meant. */
export class PromptMissingError extends GestaltError {
  constructor() {
    super(
      'prompt-missing',
      'expected at least one positive point, a box or a mask, got none; say which object with --point x,y, --box x0,y0,x1,y1 or --mask FILE',
    );
  }
}

/** A mask without a single pixel of object. */
export class EmptyMaskError extends GestaltError {
  constructor(from: string) {
    super(
      'empty-mask',
      `expected a mask with at least a few object pixels, got an empty one from ${from}; move the point or draw a box around the object`,
    );
  }
}

/** A mask whose size is not the picture's. */
export class MaskSizeError extends GestaltError {
  constructor(got: { width: number; height: number }, expected: { width: number; height: number }) {
    super(
      'mask-size',
      `expected a mask of the picture's size ${expected.width} x ${expected.height}, got ${got.width} x ${got.height}; resize the mask and retry`,
    );
  }
}

/** An option that does not exist, or a value it does not take. */
export class OptionError extends GestaltError {
  constructor(option: string, expected: string, got: string) {
    super('option', `option ${option}: expected ${expected}, got ${got}; see --help`);
  }
}

/** A model bundle that is not there, or lacks a file. */
export class ModelMissingError extends GestaltError {
  constructor(what: string, where: string) {
    super(
      'model-missing',
      `expected the model file ${what} in ${where}, found none; restore it from the repository or reinstall the package`,
    );
  }
}

/** Published weights that an option asks for, and nobody has imported here. */
export class ModelNotImportedError extends GestaltError {
  /** @param file as its publishers call it */
  constructor(id: string, where: string, file: string) {
    super('model-missing', `expected the imported model ${id} in ${where}, found none; get its weights and run: gestalt3d import ${file}`);
  }
}

/** A model bundle whose files do not match their manifest, or do not load. */
export class ModelCorruptError extends GestaltError {
  constructor(what: string, reason: string, cause?: unknown) {
    super(
      'model-corrupt',
      `model ${what} is damaged: ${reason}; restore it from the repository or reinstall the package`,
      cause === undefined ? undefined : { cause },
    );
  }
}

/** A run folder that lacks what the asked stage reads. */
export class RunFolderError extends GestaltError {
  constructor(expected: string, got: string, todo: string) {
    super('run-folder', `expected ${expected}, got ${got}; ${todo}`);
  }
}

/** A `transforms.json` that does not describe posed views. */
export class ViewsFormatError extends GestaltError {
  constructor(what: string, expected: string, got: string) {
    super('views-format', `transforms.json ${what}: expected ${expected}, got ${got}; see the NeRF transforms.json layout in the README`);
  }
}

/** A 3D file that cannot be read. */
export class MeshFormatError extends GestaltError {
  constructor(file: string, reason: string, cause?: unknown) {
    super('mesh-format', `expected a GLB or OBJ file with triangles, got ${file} (${reason}); export it again as GLB and retry`, { cause });
  }
}

/** The disk has no room for an artifact. Nothing half-written stays behind. */
export class DiskFullError extends GestaltError {
  constructor(path: string, sizeBytes: number, cause?: unknown) {
    super(
      'disk-full',
      `expected room for ${Math.ceil(sizeBytes / 1024)} KiB to write ${path}, the disk is full; free some space and run the same command again, finished stages are kept`,
      { cause },
    );
  }
}

/** A file that cannot be read or written for another reason than space. */
export class StorageError extends GestaltError {
  constructor(path: string, doing: 'read' | 'write', reason: string, cause?: unknown) {
    super('storage', `cannot ${doing} ${path}: ${reason}; check the path and its permissions`, { cause });
  }
}

/** Something else listens there. */
export class PortInUseError extends GestaltError {
  constructor(host: string, port: number) {
    super(
      'port-in-use',
      `expected port ${port} on ${host} to be free, another program listens there; stop it or choose another with --port N`,
    );
  }
}

/** A job, artifact or page that does not exist. */
export class NotFoundError extends GestaltError {
  constructor(what: string) {
    super('not-found', `${what} does not exist; it may have been deleted`);
  }
}

/** The job is in a state in which this cannot be done. */
export class ConflictError extends GestaltError {
  constructor(asked: string, state: string) {
    super('conflict', `expected a job at rest to ${asked}, this one is ${state}; wait for it or cancel it first`);
  }
}

/** The device asked for is not on this machine. */
export class DeviceUnavailableError extends GestaltError {
  constructor(asked: string, reason: string) {
    super(
      'device-unavailable',
      `expected device ${asked}, this machine offers none (${reason}); use --device auto, and gestalt3d doctor to see what there is`,
    );
  }
}

/** The GPU went away in the middle of a stage; nothing computed after that is kept. */
export class DeviceLostError extends GestaltError {
  constructor(reason: string) {
    super('device-lost', `the GPU device was lost (${reason}); run the same command again, or with --device cpu`);
  }
}

/** A model that would not fit into what memory is free; nothing was loaded. */
export class MemoryShortError extends GestaltError {
  constructor(what: string, neededBytes: number, freeBytes: number) {
    const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
    super(
      'memory-short',
      `expected about ${gigabytes(neededBytes)} GB of free memory to load ${what}, got ${gigabytes(freeBytes)} GB; close other programs, or import the weights with --precision fp16 for a GPU`,
    );
  }
}

/** A WGSL module that the device refuses. */
export class ShaderCompileError extends GestaltError {
  constructor(label: string, messages: string) {
    super('shader-compile', `kernel ${label} does not compile on this device: ${messages}; please report it, --device cpu works meanwhile`);
  }
}

/** A NaN or an infinity where there must be numbers. */
export class NumericalError extends GestaltError {
  constructor(tensor: string, where: string, count: number) {
    super(
      'numerical',
      `expected finite numbers in ${tensor} at ${where}, got ${count} that are not; try another --seed, and please report it`,
    );
  }
}

/** A tensor of another shape than the contract says. */
export class ShapeMismatchError extends GestaltError {
  constructor(tensor: string, expected: readonly (number | string)[], got: readonly (number | string)[]) {
    super('shape-mismatch', `tensor ${tensor}: expected shape [${expected.join(', ')}], got [${got.join(', ')}]`);
  }
}

/** The fitted field has no zero crossing: the views show nothing solid. */
export class NoSurfaceError extends GestaltError {
  constructor(reason: string) {
    super('no-surface', `expected a surface, got none (${reason}); look at the views: the object must be opaque in several of them`);
  }
}

/** A print was asked for, and the surface could not be made the boundary of a solid. */
export class NotPrintableError extends GestaltError {
  constructor(problems: string) {
    super(
      'not-printable',
      `expected a solid that can be printed, got a surface with ${problems}; the GLB is written, the STL and 3MF are not: try more --triangles, or print from the GLB after repair by hand`,
    );
  }
}

/** A file was to be of so many bytes at most, and cannot be made so small. */
export class ByteBudgetError extends GestaltError {
  /** @param smallest what the smallest file holds */
  constructor(budget: number, bytes: number, smallest: string) {
    super(
      'byte-budget',
      `expected a GLB of at most ${Math.floor(budget)} bytes, got ${Math.ceil(bytes)} with ${smallest}; allow more bytes, or try --compress meshopt`,
    );
  }
}

/** The asset is written, but its own check calls it bad. */
export class BadResultError extends GestaltError {
  constructor(reasons: string) {
    super(
      'bad-result',
      `expected a result that agrees with its pictures, got a bad one: ${reasons}; it is written: look at it, then try another --completion, --elevation or mask`,
    );
  }
}

/** An asset was made again and came out otherwise. */
export class NotReproducedError extends GestaltError {
  constructor(differences: string) {
    super('not-reproduced', `expected the same bytes again, got others (${differences}); the new asset is written beside`);
  }
}

/** True for the rejection of an aborted signal, whatever its reason was. */
export function isAbort(error: unknown, signal?: AbortSignal): boolean {
  if (signal?.aborted && error === signal.reason) return true;
  return error instanceof Error && error.name === 'AbortError';
}
