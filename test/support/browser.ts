import type { Browser } from 'playwright-core';
import { openBrowser as open } from '../../apps/data/src/browser.ts';

/**
 * A headless Chromium that came with `npm ci`, or the one that CHROME_PATH names.
 * @returns null with a printed reason where there is none; with REQUIRE_BROWSER=1 it throws instead
 */
export async function openBrowser(): Promise<Browser | null> {
  try {
    return await open();
  } catch (error) {
    if (process.env.REQUIRE_BROWSER === '1') throw error;
    console.warn(`skipped: no browser (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`);
    return null;
  }
}
