import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../apps/cli/bin/gestalt3d.js', import.meta.url));

export interface CliResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningCli {
  child: ChildProcess;
  /** Settles when the process has ended. */
  result: Promise<CliResult>;
}

/** Starts the built program, as a user would. `onStdout` sees whole lines. */
export function startCli(args: string[], onStdout: (line: string) => void = () => {}, env: Record<string, string> = {}): RunningCli {
  const child = spawn(process.execPath, [BIN, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const result: CliResult = { status: null, stdout: '', stderr: '' };
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    result.stdout += chunk;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onStdout(line);
  });
  child.stderr.on('data', (chunk: Buffer) => (result.stderr += chunk));
  return { child, result: new Promise((resolve) => child.on('close', (status) => resolve({ ...result, status }))) };
}

export const runCli = (args: string[], onStdout?: (line: string) => void): Promise<CliResult> => startCli(args, onStdout).result;
