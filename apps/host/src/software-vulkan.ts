import { existsSync } from 'node:fs';
import { access, chmod, constants, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { loadLibrary, type OpenedGpu, openGpuDevice } from './gpu-device.ts';

// For tests. SwiftShader is a Vulkan driver that computes on the CPU: slow, and right. The npm package @sparticuz/chromium carries it together with
// the Vulkan loader, so kernels can be tested on a machine that has neither a GPU nor a system package.
// No environment variable has to be set before the process starts: the driver's manifest is rewritten with an absolute path, VK_DRIVER_FILES is read by
// the loader when Dawn creates its instance, and Dawn's dlopen('libvulkan.so.1') finds the library by its soname because this process has it loaded.

const FILES = ['libvk_swiftshader.so', 'libvulkan.so.1'];
const MANIFEST = 'driver.json';

/** Folder with driver, loader and manifest, unpacked at first use. @throws Error where the package is missing or the system another */
export async function unpackSoftwareVulkan(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`the packaged driver is for Linux on x64, this is ${process.platform} on ${process.arch}`);
  const packageFolder = findPackage();
  const { version } = JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const folder = path.join(await cacheFolder(packageFolder), `swiftshader-${version}`);
  if (existsSync(path.join(folder, MANIFEST))) return folder;

  const packed = await readFile(path.join(packageFolder, 'bin', 'swiftshader.tar.br'));
  const files = untar(await promisify(brotliDecompress)(packed));
  await mkdir(path.dirname(folder), { recursive: true });
  // several test processes may unpack at once: each into its own folder, the first rename wins
  const staging = await mkdtemp(`${folder}-`);
  try {
    for (const name of FILES) {
      const content = files.get(name);
      if (!content) throw new Error(`expected ${name} in swiftshader.tar.br, got ${[...files.keys()].join(', ')}`);
      await writeFile(path.join(staging, name), content, { mode: 0o755 });
    }
    const library = path.join(folder, 'libvk_swiftshader.so');
    const manifest = { file_format_version: '1.0.0', ICD: { library_path: library, api_version: '1.0.5' } };
    await writeFile(path.join(staging, MANIFEST), JSON.stringify(manifest));
    await chmod(staging, 0o755);
    await rename(staging, folder);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (!existsSync(path.join(folder, MANIFEST))) throw error;
  }
  return folder;
}

/** Makes this process' Vulkan the software driver and nothing else. Before Dawn is first used. */
export async function useSoftwareVulkan(): Promise<void> {
  const folder = await unpackSoftwareVulkan();
  const manifest = path.join(folder, MANIFEST);
  process.env.VK_DRIVER_FILES = manifest;
  // what older loaders read
  process.env.VK_ICD_FILENAMES = manifest;
  const reason = loadLibrary(path.join(folder, 'libvulkan.so.1'));
  if (reason) throw new Error(`the packaged Vulkan loader does not load: ${reason}`);
}

/**
 * Device for tests: the software driver, or with GESTALT3D_TEST_DEVICE=real the machine's GPU.
 * Where there is none, says so and returns null so that the tests skip; with REQUIRE_GPU=1 it throws instead.
 */
export async function openTestGpu(): Promise<OpenedGpu | null> {
  let reason = '';
  try {
    if (process.env.GESTALT3D_TEST_DEVICE !== 'real') await useSoftwareVulkan();
    const gpu = await openGpuDevice('webgpu', (why) => (reason = why));
    if (gpu) return gpu;
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  if (process.env.REQUIRE_GPU === '1') throw new Error(`REQUIRE_GPU=1, but there is no WebGPU device: ${reason}`);
  console.warn(`skipped: no WebGPU device (${reason})`);
  return null;
}

function findPackage(): string {
  // the package exports no package.json: walk up from its entry point
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const at = entry.lastIndexOf(`${path.sep}build${path.sep}`);
  return entry.slice(0, at);
}

/** node_modules/.cache beside the package, or the system's temporary folder where that is read-only. */
async function cacheFolder(packageFolder: string): Promise<string> {
  const modules = path.resolve(packageFolder, '..', '..');
  try {
    await access(modules, constants.W_OK);
    return path.join(modules, '.cache', 'gestalt3d');
  } catch {
    return path.join(os.tmpdir(), `gestalt3d-${os.userInfo().uid}`);
  }
}

/** Plain files of a tar archive by their last name. */
function untar(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const field = (offset: number, length: number) => archive.toString('latin1', at + offset, at + offset + length).replace(/\0.*$/s, '');
    const sizeBytes = Number.parseInt(field(124, 12), 8) || 0;
    const type = field(156, 1);
    if (type === '' || type === '0') files.set(path.basename(field(0, 100)), archive.subarray(at + 512, at + 512 + sizeBytes));
    at += 512 + Math.ceil(sizeBytes / 512) * 512;
  }
  return files;
}
