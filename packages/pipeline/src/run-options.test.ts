import { OptionError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { RUN_DEFAULTS, resolveRunOptions } from './run-options.ts';

describe('resolveRunOptions', () => {
  it('overlays defaults and ignores what is undefined', () => {
    expect(resolveRunOptions({ seed: 3, preset: undefined })).toEqual({ ...RUN_DEFAULTS, seed: 3 });
  });

  it('takes the settings of an imported model beside it', () => {
    const given = {
      completionModel: 'pix2gestalt',
      completionSteps: 50,
      completionFrame: 'object',
      views: 'syncdreamer',
      viewsSampler: 'unipc',
    };
    expect(resolveRunOptions(given)).toEqual({ ...RUN_DEFAULTS, ...given });
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
    [{ completionModel: 'sdxl' }, 'completionModel'],
    [{ views: 'syncdreamer', viewsGuidance: 21 }, 'viewsGuidance'],
    [{ views: 'syncdreamer', viewsSampler: 'euler' }, 'viewsSampler'],
    // settings of an imported model that is not chosen
    [{ completionSteps: 50 }, 'completionSteps'],
    [{ completionModel: 'pix2gestalt', viewsSteps: 50 }, 'viewsSteps'],
  ])('refuses %j and names the option', (given, name) => {
    expect(() => resolveRunOptions(given)).toThrow(OptionError);
    expect(() => resolveRunOptions(given)).toThrow(`option ${name}: expected`);
  });
});
