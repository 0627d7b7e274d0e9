import { main } from './main.ts';
import type { Streams } from './session.ts';

/** The command line in this process: exit status, and what it wrote. */
export async function runCli(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({ isTTY: false, write: (s: string) => (text[name] += s) !== '' });
  const streams = { stdout: stream('stdout'), stderr: stream('stderr') } as unknown as Streams;
  return { status: await main(args, streams), ...text };
}
