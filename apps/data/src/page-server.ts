import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PageServerOptions {
  /** The page's only script. */
  script: string;
  /** File of an object's path, or undefined. */
  find: (path: string) => Promise<string | undefined>;
  /** The next job for a worker; null when there are none left. */
  next: (worker: number) => unknown;
  /** A finished job; its answer waits for the promise. */
  result: (query: URLSearchParams, body: Uint8Array) => Promise<void>;
}

/** Serves the page, the object files and the queue of jobs on the loopback interface, at a port that is free. */
export async function servePage(options: PageServerOptions): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => stop(server) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { script, find, next, result }: PageServerOptions,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname === '/') {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><script src="/page.js"></script>');
  } else if (url.pathname === '/page.js') {
    response.setHeader('content-type', 'text/javascript; charset=utf-8');
    response.end(script);
  } else if (url.pathname === '/next') {
    response.end(JSON.stringify(next(Number(url.searchParams.get('worker'))) ?? null));
  } else if (url.pathname === '/result') {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    await result(url.searchParams, Buffer.concat(chunks));
    response.end('ok');
  } else {
    const file = url.pathname.startsWith('/objects/') ? await find(decodeURIComponent(url.pathname.slice('/objects/'.length))) : undefined;
    const bytes = file === undefined ? undefined : await readFile(file).catch(() => undefined);
    if (!bytes) response.statusCode = 404;
    response.end(bytes);
  }
}

function stop(server: Server): void {
  server.close();
  server.closeAllConnections();
}
