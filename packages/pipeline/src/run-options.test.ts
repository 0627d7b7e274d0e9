import { OptionError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { RUN_DEFAULTS, resolveRunOptions } from './run-options.ts';

describe('resolveRunOptions', () => {
  it('overlays defaults and ignores what is undefined', () => {
    expect(resolveRunOptions({ seed: 3, preset: undefined })).toEqual({ ...RUN_DEFAULTS, seed: 3 });
  });

  it.each([
    [{ sample: 4 }, 'sample'],
    [{ samples: 0 }, 'samples'],
    [{ samples: 2.5 }, 'samples'],
    [{ seed: -1 }, 'seed'],
    [{ elevationDeg: 90 }, 'elevationDeg'],
    [{ device: 'tpu' }, 'device'],
    [{ triangles: 'many' }, 'triangles'],
    [{ samples: 2, completion: 2 }, 'completion'],
  ])('refuses %j and names the option', (given, name) => {
    expect(() => resolveRunOptions(given)).toThrow(OptionError);
    expect(() => resolveRunOptions(given)).toThrow(`option ${name}: expected`);
  });
});
