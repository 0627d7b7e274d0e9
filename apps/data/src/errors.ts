/**
 * Base of the data engine's own errors; those that are not special to it come from core.
 * A message is one line that says what was expected, what came, and what to do.
 */
export class DataEngineError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An archive that cannot be unpacked. */
export class ArchiveError extends DataEngineError {
  constructor(what: string, reason: string, cause?: unknown) {
    super(`expected a complete ${what}, got one that cannot be read (${reason}); delete it and run the command again`, { cause });
  }
}

/** A package that could not be downloaded. */
export class DownloadError extends DataEngineError {
  constructor(what: string, tried: readonly string[], file: string) {
    super(
      `expected to download ${what}, every way failed (${tried.join('; ')}); check the network, name a Debian mirror with --mirror URL, or put the file there yourself: ${file}`,
    );
  }
}

/** A downloaded file that is not the pinned one. */
export class DigestError extends DataEngineError {
  constructor(what: string, expected: string, got: string) {
    super(
      `expected ${what} with sha256 ${expected}, got ${got}; delete the file and try again, or another mirror with --mirror URL: the pinned version may be gone there`,
    );
  }
}

/** A program that the engine needs and this machine lacks. */
export class ToolMissingError extends DataEngineError {
  constructor(tool: string, why: string, cause?: unknown) {
    super(`expected the program ${tool} to ${why}, this machine has none; install it and run the command again`, { cause });
  }
}

/** No browser to render with. */
export class BrowserMissingError extends DataEngineError {
  constructor(reason: string, cause?: unknown) {
    super(
      `expected a headless Chromium with WebGL2, none starts here (${reason}); run npm ci on Linux x64, or name one with the environment variable CHROME_PATH`,
      { cause },
    );
  }
}

/** A step that needs the result of another. */
export class StepMissingError extends DataEngineError {
  constructor(what: string, where: string, command: string) {
    super(`expected ${what} in ${where}, found none; run npm run data -- ${command} first`);
  }
}
