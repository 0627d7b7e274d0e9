import { alphaOf, createRng, ModelCorruptError, OptionError, type StageMessage } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { type FakeBundle, fakeBundle } from '../../networks/test/fake-bundle.ts';
import { createPix2gestaltStage, PIX2GESTALT_DEFAULTS } from '../src/index.ts';
import { regionOf } from '../src/pix2gestalt-stage.ts';
import { contextOf, maskWhere, paint } from './helpers.ts';

const [SIZE, N, VALUES] = [16, 4, 64];
const MANIFEST = {
  preprocessing: { size: SIZE },
  latent: { channels: 4, size: N, scaleFactor: 0.18215 },
  scheduler: { kind: 'linear-sqrt', timesteps: 1000, prediction: 'eps', rule: 'pix2gestalt', steps: 200, eta: 1, guidance: 2 },
};

type Calls = Record<'context' | 'vaeEncoder' | 'unet' | 'vaeDecoder', Record<string, { data: Float32Array; dims: readonly number[] }>[]>;

/** Networks that are plain sums, so that what reaches them can be followed by hand. */
async function fakeModel(manifest: Record<string, unknown> = MANIFEST): Promise<FakeBundle & { calls: Calls }> {
  const calls: Calls = { context: [], vaeEncoder: [], unet: [], vaeDecoder: [] };
  const image = { image: ['B', 3, SIZE, SIZE] };
  const fake = await fakeBundle(manifest, {
    context: {
      inputs: { image: [1, 3, SIZE, SIZE] },
      outputs: { context: [1, 1, 3] },
      run: (feeds) => {
        calls.context.push(feeds as never);
        return { context: { data: Float32Array.of(0.5, -1, 2), dims: [1, 1, 3] } };
      },
    },
    vaeEncoder: {
      inputs: image,
      outputs: { mean: ['B', 4, N, N], logVariance: ['B', 4, N, N] },
      run: (feeds) => {
        calls.vaeEncoder.push(feeds as never);
        const first = Number(feeds.image!.data[0]);
        const mean = Float32Array.from({ length: VALUES }, (_, i) => first + i / VALUES);
        // a sample of this posterior would be far from its mean
        return { mean: { data: mean, dims: [1, 4, N, N] }, logVariance: { data: mean.map(() => 9), dims: [1, 4, N, N] } };
      },
    },
    unet: {
      inputs: { x: ['B', 12, N, N], t: ['B'], context: ['B', 1, 3] },
      outputs: { eps: ['B', 4, N, N] },
      run: (feeds) => {
        calls.unet.push(feeds as never);
        const [rows] = feeds.x!.dims as [number];
        const eps = new Float32Array(rows * VALUES);
        for (let i = 0; i < eps.length; i++)
          eps[i] = epsOf(feeds.x!.data as Float32Array, feeds.context!.data as Float32Array, Math.floor(i / VALUES), i % VALUES);
        return { eps: { data: eps, dims: [rows, 4, N, N] } };
      },
    },
    vaeDecoder: {
      inputs: { z: ['B', 4, N, N] },
      outputs: { image: ['B', 3, SIZE, SIZE] },
      run: (feeds) => {
        calls.vaeDecoder.push(feeds as never);
        // a square of (204, 102, 51) from 4 to 12 on white
        const picture = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) => {
          const [x, y, c] = [i % SIZE, Math.floor(i / SIZE) % SIZE, Math.floor(i / SIZE ** 2)];
          return x >= 4 && x < 12 && y >= 4 && y < 12 ? [0.6001, -0.1999, -0.5999][c]! : 1.2;
        });
        return { image: { data: picture, dims: [1, 3, SIZE, SIZE] } };
      },
    },
  });
  return Object.assign(fake, { calls });
}

/** What the fake UNet believes: the noisy latents, the picture's, the mask's and the context all count. */
function epsOf(x: Float32Array, context: Float32Array, row: number, i: number): number {
  const at = (k: number): number => x[(3 * row + k) * VALUES + i]!;
  return 0.3 * at(0) + 0.1 * at(1) - 0.2 * at(2) + 0.05 * context[3 * row + 2]!;
}

// as large as the network's picture: nothing is scaled on the way in
const photo = paint(SIZE, SIZE, (x, y) => [16 * x, 16 * y, 99]);
const mask = maskWhere(SIZE, SIZE, (x, y) => x >= 5 && x < 11 && y >= 5 && y < 9);
const steps = (events: StageMessage[]) => events.filter((event) => event.kind === 'progress').map(({ done, total }) => [done, total]);

describe('the composition of pix2gestalt', () => {
  it('conditions on the whole photograph and the mask as -1 and 1, means not scaled, and gives the null branch nothing', async () => {
    const { calls, ...fake } = await fakeModel();
    const stage = createPix2gestaltStage(fake);
    await stage.run({ photo, mask }, { ...stage.defaults, samples: 1, steps: 10 }, contextOf(1));
    const [picture, visible] = calls.vaeEncoder.map((feeds) => feeds.image!.data) as [Float32Array, Float32Array];
    expect(calls.context[0]!.image!.data).toEqual(picture);
    for (const [x, y] of [
      [3, 5],
      [15, 2],
    ] as const)
      for (const [c, value] of [16 * x, 16 * y, 99].entries())
        expect(picture[(c * SIZE + y) * SIZE + x]).toBeCloseTo((value / 255) * 2 - 1, 6);
    for (let i = 0; i < visible.length; i++) expect(visible[i]).toBe(mask.data[i % SIZE ** 2]! > 127 ? 1 : -1);

    const { x, context, t } = calls.unet[0]!;
    expect([x!.dims, t!.dims, context!.dims]).toEqual([[2, 12, N, N], [2], [2, 1, 3]]);
    // null first: the same noise, zeros beside it, zeros as context
    expect(x!.data.subarray(0, VALUES)).toEqual(x!.data.subarray(3 * VALUES, 4 * VALUES));
    expect(x!.data.subarray(VALUES, 3 * VALUES).every((value) => value === 0)).toBe(true);
    expect([...context!.data]).toEqual([0, 0, 0, 0.5, -1, 2]);
    for (let i = 0; i < VALUES; i++) {
      expect(x!.data[4 * VALUES + i]).toBeCloseTo(picture[0]! + i / VALUES, 6);
      expect(x!.data[5 * VALUES + i]).toBeCloseTo(-1 + i / VALUES, 6);
    }
  });

  it('walks as the original: the largest timestep dropped, guidance 2, noise after every step, the last too', async () => {
    const { calls, ...fake } = await fakeModel();
    const stage = createPix2gestaltStage(fake);
    const context = contextOf(3);
    const { completions } = await stage.run({ photo, mask }, { ...stage.defaults, samples: 1, steps: 5 }, context);
    // S = 5: 1, 201, 401, 601, and 801 is never visited
    expect(calls.unet.map(({ t }) => t!.data[0])).toEqual([601, 401, 201, 1]);
    expect(steps(context.events)).toEqual([1, 2, 3, 4].map((done) => [done, 4]));

    // the reference's formulae, by hand
    let product = 1;
    const abar = Array.from({ length: 1000 }, (_, i) => {
      product *= 1 - (Math.sqrt(0.00085) + (i / 999) * (Math.sqrt(0.012) - Math.sqrt(0.00085))) ** 2;
      return product;
    });
    const rng = createRng(completions[0]!.seed);
    const normals = (): Float32Array => rng.fillNormal(new Float32Array(VALUES));
    const { x: first } = calls.unet[0]!;
    let x = [...normals()];
    for (const [t, previous] of [
      [601, 401],
      [401, 201],
      [201, 1],
      [1, 0],
    ] as const) {
      const [a, before] = [abar[t]!, abar[previous]!];
      const sigma = Math.sqrt(((1 - before) / (1 - a)) * (1 - a / before));
      const noise = normals();
      x = x.map((value, i) => {
        const beside = 0.1 * first!.data[4 * VALUES + i]! - 0.2 * first!.data[5 * VALUES + i]! + 0.05 * 2;
        const [none, conditioned] = [0.3 * value, 0.3 * value + beside];
        const eps = none + 2 * (conditioned - none);
        const clean = (value - Math.sqrt(1 - a) * eps) / Math.sqrt(a);
        return Math.sqrt(before) * clean + Math.sqrt(1 - before - sigma ** 2) * eps + sigma * noise[i]!;
      });
    }
    const z = calls.vaeDecoder[0]!.z!.data;
    // scaled latents: the decoder's graph takes the factor out
    for (const [i, value] of x.entries()) expect(Math.abs(z[i]! - value)).toBeLessThan(1e-4 * (1 + Math.abs(value)));
  });

  it('is 199 steps as published, 20 with a fast sampler, which adds no noise; guidance 1 has no null branch', async () => {
    const { calls, ...fake } = await fakeModel();
    const stage = createPix2gestaltStage(fake);
    expect(stage.defaults).toEqual(PIX2GESTALT_DEFAULTS);
    await stage.run({ photo, mask }, { ...stage.defaults, samples: 1, guidance: 1 }, contextOf(1));
    expect(calls.unet).toHaveLength(199);
    expect(calls.unet[0]!.t!.data).toEqual(Float32Array.of(991));
    calls.unet.length = 0;
    for (const sampler of ['unipc', 'dpm-solver++2m'] as const) {
      await stage.run({ photo, mask }, { ...stage.defaults, samples: 1, sampler }, contextOf(1));
      expect(calls.unet.splice(0)).toHaveLength(20);
    }
  });

  it('opens one session at a time and leaves none, whatever happens', async () => {
    const fake = await fakeModel();
    const stage = createPix2gestaltStage(fake);
    const run = (options: object, signal?: AbortSignal, seed = 1) =>
      stage.run({ photo, mask }, { ...stage.defaults, samples: 2, steps: 5, ...options }, contextOf(seed, signal));
    const one = await run({});
    expect(fake.opened).toEqual(['context', 'vaeEncoder', 'unet', 'vaeDecoder']);
    expect([fake.most, fake.open]).toEqual([1, 0]);

    // sample i is the same however many there are, and another for another seed
    const latents = () => fake.calls.vaeDecoder.splice(0).map(({ z }) => z!.data);
    const [first, second] = latents();
    expect((await run({ samples: 1 })).completions[0]!.seed).toBe(one.completions[0]!.seed);
    expect(latents()).toEqual([first]);
    expect(second).not.toEqual(first);
    await run({}, undefined, 2);
    expect(latents()[0]).not.toEqual(first);

    fake.opened.length = 0;
    await expect(run({ steps: 0 })).rejects.toThrow(OptionError);
    await expect(run({ guidance: 21 })).rejects.toThrow(OptionError);
    expect(fake.opened).toEqual([]);
    const controller = new AbortController();
    const context = contextOf(1, controller.signal);
    const emit = context.emit;
    context.emit = (event) => {
      emit(event);
      if (event.kind === 'progress' && event.done === 3) controller.abort(new Error('stop'));
    };
    await expect(stage.run({ photo, mask }, { ...stage.defaults, samples: 2, steps: 5 }, context)).rejects.toThrow('stop');
    expect(fake.opened).toEqual(['context', 'vaeEncoder', 'unet']);
    expect(fake.open).toBe(0);
  });

  it('refuses a bundle of another kind and says what it lacks', async () => {
    const other = await fakeModel({ ...MANIFEST, scheduler: { ...MANIFEST.scheduler, rule: 'syncdreamer', steps: 'many' }, latent: {} });
    expect(() => createPix2gestaltStage(other)).toThrow(ModelCorruptError);
    expect(() => createPix2gestaltStage(other)).toThrow(
      /rule: expected pix2gestalt, got "syncdreamer"; latent\.size: .*; latent\.channels: .*; scheduler\.steps: /,
    );
  });
});

describe('what comes of its pictures', () => {
  it('is in the crop’s frame the drawn object with the photograph’s own pixels where it is visible', async () => {
    // twice as wide: squashed into the network's square, and back
    const wide = paint(256, 128, (x, y) => [x / 2, y, 200]);
    const seen = maskWhere(256, 128, (x, y) => x >= 80 && x < 176 && y >= 40 && y < 60);
    const fake = await fakeModel();
    const stage = createPix2gestaltStage(fake);
    const set = await stage.run({ photo: wide, mask: seen }, { ...stage.defaults, samples: 1, steps: 5 }, contextOf(1));
    // the square's 8 of 16 pixels are 128 of 256 and 64 of 128
    const { crop, vote, visible } = set;
    const { image } = set.completions[0]!;
    const side = image.width;
    expect(side).toBe(256);
    const scale = side / crop.size;
    const inside = { x: 0, y: 0, count: 0 };
    let wrong = 0;
    for (let i = 0; i < side * side; i++) {
      const [x, y] = [crop.x + ((i % side) + 0.5) / scale, crop.y + (Math.floor(i / side) + 0.5) / scale];
      // as far as the blur of 8 and 16 pixels a network pixel goes
      const drawn = x > 64 && x < 192 && y > 32 && y < 96;
      if (image.data[i * 4 + 3]! > 127 !== drawn && Math.abs(x - 128) > 72 && Math.abs(y - 64) > 36) wrong++;
      if (vote.data[i]! > 127) {
        inside.x += x;
        inside.y += y;
        inside.count++;
      }
      if (visible.data[i] === 255) {
        expect(Math.abs(image.data[i * 4]! - x / 2)).toBeLessThan(2);
        expect(image.data[i * 4 + 2]).toBe(200);
      } else if (x > 80 && x < 176 && y > 64 && y < 88) expect([...image.data.subarray(i * 4, i * 4 + 4)]).toEqual([204, 102, 51, 255]);
    }
    expect(wrong).toBe(0);
    expect(Math.abs(inside.x / inside.count - 128)).toBeLessThan(1);
    expect(Math.abs(inside.y / inside.count - 64)).toBeLessThan(1);
    const area = inside.count / scale ** 2 / (128 * 64);
    expect(area).toBeGreaterThan(0.95);
    expect(area).toBeLessThan(1.45);
    expect(alphaOf(image).data.some((value) => value > 127 && value < 255)).toBe(true);
  });

  it('of the frame object is a square round the visible part, moved inside the photograph', () => {
    const around = (x0: number, y0: number, x1: number, y1: number, width = 100, height = 60) =>
      regionOf(
        { width, height },
        maskWhere(width, height, (x, y) => x >= x0 && x < x1 && y >= y0 && y < y1),
        'object',
      );
    expect(around(40, 20, 50, 25)).toEqual({ x: 35, y: 13, width: 20, height: 20 });
    expect(around(0, 50, 10, 60)).toEqual({ x: 0, y: 40, width: 20, height: 20 });
    expect(around(30, 10, 70, 50)).toEqual({ x: 10, y: 0, width: 80, height: 60 });
  });
});
