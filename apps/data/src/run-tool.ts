import { spawn } from 'node:child_process';
import { ToolMissingError } from './errors.ts';

/**
 * Runs a program to its end.
 * @returns what it printed
 * @throws ToolMissingError; an Error with the last line it complained with
 */
export function runTool(
  tool: string,
  args: readonly string[],
  { cwd, why, signal }: { cwd: string; why: string; signal: AbortSignal },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { cwd, signal, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let complaints = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (complaints += chunk));
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(signal.reason);
      else reject(error.code === 'ENOENT' ? new ToolMissingError(tool, why, error) : error);
    });
    child.on('close', (status) => {
      if (status === 0) resolve(output);
      else reject(new Error(`${tool} ended with status ${status}: ${complaints.trim().split('\n').at(-1) ?? ''}`));
    });
  });
}
