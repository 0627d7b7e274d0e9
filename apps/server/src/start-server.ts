import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { PortInUseError } from '@gestalt3d/core';
import { createEngine } from '@gestalt3d/host';
import { createApp } from './create-app.ts';
import { JobManager } from './job-manager.ts';

export interface ServerOptions {
  /** 0: any free port. */
  port: number;
  host: string;
  /** Folder of the jobs. */
  dataDir: string;
  modelsDir?: string;
  log?(message: string): void;
}

export interface RunningServer {
  url: string;
  /** Stops listening and what runs; a job that runs goes on at the next start. */
  close(): Promise<void>;
}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/** @throws PortInUseError */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const log = options.log ?? ((message: string) => void process.stderr.write(`${message}\n`));
  const engine = createEngine(options.modelsDir === undefined ? {} : { modelsDir: options.modelsDir });
  const server = createServer();
  // the port is taken before jobs are resumed: two servers must not run the same jobs
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new PortInUseError(options.host, options.port) : error),
    );
    server.listen(options.port, options.host, resolve);
  });
  const jobs = await JobManager.open(options.dataDir, engine, log);
  const loopback = LOOPBACK.includes(options.host) || options.host === '::1';
  const viewerDir = fileURLToPath(new URL('../../viewer/dist/', import.meta.url));
  server.on('request', createApp({ jobs, engine, viewerDir, ...(loopback ? { allowedHosts: LOOPBACK } : {}), log }));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await jobs.close();
      server.closeAllConnections();
      await closed;
      await engine.close();
    },
  };
}
