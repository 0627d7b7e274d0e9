import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadLibrary, openGpuDevice } from './gpu-device.ts';
import { openTestGpu, unpackSoftwareVulkan } from './software-vulkan.ts';

const gpu = await openTestGpu();
afterAll(() => gpu?.close());

describe.skipIf(!gpu || process.env.GESTALT3D_TEST_DEVICE === 'real')('openGpuDevice on the software driver', () => {
  it('says that the device is software', () => {
    expect(gpu!.software).toBe(true);
    expect(gpu!.label).toContain('SwiftShader');
  });

  it("gives 'auto' no software device, and says why", async () => {
    let reason = '';
    expect(await openGpuDevice('auto', (why) => (reason = why))).toBeNull();
    expect(reason).toMatch(/software driver|no GPU device node/);
  });

  it("gives 'webgpu' one, which closes twice", async () => {
    const second = await openGpuDevice('webgpu');
    second!.close();
    second!.close();
    expect((await second!.device.lost).reason).toBe('destroyed');
  });

  it('unpacks once', async () => {
    const folders = await Promise.all([unpackSoftwareVulkan(), unpackSoftwareVulkan()]);
    expect(folders[0]).toBe(folders[1]);
    expect(existsSync(path.join(folders[0], 'libvk_swiftshader.so'))).toBe(true);
  });
});

it.skipIf(process.platform !== 'linux')('a library that is not there is a reason, not a crash', () => {
  expect(loadLibrary('libdoes-not-exist.so.9')).toContain('libdoes-not-exist');
});
