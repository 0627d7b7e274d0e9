import { OptionError } from '@gestalt3d/core';
import { startServer } from '@gestalt3d/server';
import type { Command } from 'commander';
import { interruptible, type Streams } from '../session.ts';

export function registerServe(program: Command, streams: Streams): void {
  program
    .command('serve')
    .description('server and viewer')
    .option('--port <n>', 'port', '8338')
    .option('--host <address>', 'address to listen on; anything but 127.0.0.1 lets others in', '127.0.0.1')
    .option('--data <dir>', 'folder of the jobs', 'out/jobs')
    .option('--models <dir>', 'folder of the model bundles')
    .action(async (flags: { port: string; host: string; data: string; models?: string }) => {
      const port = Number(flags.port);
      if (!Number.isInteger(port) || port < 0 || port > 65535) throw new OptionError('--port', 'a port from 0 to 65535', `"${flags.port}"`);
      const { signal, dispose } = interruptible();
      const server = await startServer({
        port,
        host: flags.host,
        dataDir: flags.data,
        ...(flags.models ? { modelsDir: flags.models } : {}),
      });
      streams.stderr.write(`Gestalt3D on ${server.url}  (Ctrl-C stops it; jobs are kept in ${flags.data})\n`);
      if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await server.close();
      dispose();
    });
}
