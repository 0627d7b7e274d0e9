import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from './support/browser.ts';
import { type RunningCli, startCli } from './support/cli.ts';

const browser: Browser | null = await openBrowser();

describe.skipIf(browser === null)('viewer in a browser', () => {
  let folder: string;
  let server: RunningCli;
  let url = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gestalt-viewer-'));
    server = startCli(['serve', '--port', '0', '--data', join(folder, 'jobs')]);
    await new Promise<void>((resolve, reject) => {
      server.child.stderr!.on('data', (chunk: Buffer) => {
        url ||= /http:\S+/.exec(String(chunk))?.[0] ?? '';
        if (url) resolve();
      });
      server.child.on('exit', (status) => reject(new Error(`the server ended with status ${status}`)));
    });
  });
  afterAll(async () => {
    await browser?.close();
    server?.child.kill('SIGTERM');
    await server?.result;
    await rm(folder, { recursive: true, force: true });
  });

  it('photo, click, mask, completions, choice, views, mesh, download', async () => {
    const page = await browser!.newPage({ viewport: { width: 1280, height: 900 } });
    const failures: string[] = [];
    const requests: string[] = [];
    page.on('pageerror', (error) => failures.push(error.message));
    page.on('console', (message) => message.type() === 'error' && failures.push(message.text()));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(url);

    // 1. one of the photographs that come with the project
    await page.getByTestId('sample-beanbag').click();
    const photo = page.getByTestId('photo-canvas');
    await photo.waitFor();

    // 2. a click at (280, 850) of 683 x 1024 shows the mask
    const box = (await photo.boundingBox())!;
    await photo.click({ position: { x: (280 / 683) * box.width, y: (850 / 1024) * box.height } });
    await page.getByTestId('mask-overlay').waitFor({ timeout: 30_000 });

    // 3. the completions arrive; the second is chosen
    await page.getByTestId('start').click();
    const second = page.getByTestId('completion-1');
    await second.waitFor({ timeout: 150_000 });
    await page.waitForFunction(() => document.querySelector('[data-testid="completion-1"]:not([disabled])') !== null, undefined, {
      timeout: 150_000,
    });
    await second.click();
    await page.getByTestId('choose').click();

    // 4. the views, then the mesh
    await page.getByTestId('view-15').waitFor({ timeout: 200_000 });
    const mesh = page.locator('[data-testid="mesh-canvas"][data-ready="true"]');
    await mesh.waitFor({ timeout: 400_000 });
    expect(Number(await mesh.getAttribute('data-triangles'))).toBeGreaterThan(500);
    const download = page.waitForEvent('download');
    await page.getByTestId('download-glb').click();
    expect((await download).suggestedFilename()).toMatch(/\.glb$/);

    expect(failures).toEqual([]);
    // works offline: nothing is asked of any other machine
    expect(requests.filter((request) => !request.startsWith(url) && !request.startsWith('blob:') && !request.startsWith('data:'))).toEqual(
      [],
    );
    await page.close();
  }, 600_000);

  it('shows what is wrong with a file that is not a photograph', async () => {
    const page = await browser!.newPage();
    await page.goto(url);
    await page.getByTestId('photo-input').setInputFiles({ name: 'notes.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('not an image') });
    await expect.poll(() => page.getByTestId('banner').textContent(), { timeout: 20_000 }).toMatch(/not an image/);
    await page.close();
  }, 60_000);

  it('paints its first page from at most 500 kB of compressed script', async () => {
    const page = await browser!.newPage();
    let bytes = 0;
    page.on('response', async (response) => {
      if (response.request().resourceType() === 'script') bytes += (await response.body().catch(() => Buffer.alloc(0))).length;
    });
    await page.goto(url, { waitUntil: 'networkidle' });
    // bytes before compression, so the bound is on the safe side
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(500_000);
    await page.close();
  }, 60_000);
});
