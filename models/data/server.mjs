// Serves the page, the object files (names matched without regard to case) and the job queue to the rendering browsers.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';

const folders = new Map();
/** Finds a file whose path matches without regard to case. */
export function findFile(root, path) {
  const exact = join(root, path);
  if (!resolve(exact).startsWith(resolve(root))) return null;
  if (existsSync(exact)) return exact;
  let folder = root;
  for (const part of path.split('/').filter(Boolean)) {
    if (!folders.has(folder)) folders.set(folder, existsSync(folder) ? readdirSync(folder) : []);
    const match = folders.get(folder).find((name) => name.toLowerCase() === part.toLowerCase());
    if (!match) return null;
    folder = join(folder, match);
  }
  return folder;
}

/** @param {{ objects: string, script: string, next: () => unknown, result: (query: URLSearchParams, body: Buffer) => void }} options */
export function serve({ objects, script, next, result }) {
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    if (url.pathname === '/') {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><script src="/page.js"></script>');
    } else if (url.pathname === '/page.js') {
      response.setHeader('content-type', 'text/javascript; charset=utf-8');
      response.end(script);
    } else if (url.pathname === '/next') response.end(JSON.stringify(next() ?? null));
    else if (url.pathname === '/result') {
      const chunks = [];
      request.on('data', (c) => chunks.push(c));
      request.on('end', () => {
        result(url.searchParams, Buffer.concat(chunks));
        response.end('ok');
      });
    } else if (url.pathname.startsWith('/objects/')) {
      const file = findFile(objects, decodeURIComponent(url.pathname.slice(9)));
      if (!file) {
        response.statusCode = 404;
        response.end();
        return;
      }
      try {
        response.end(readFileSync(file));
      } catch {
        response.statusCode = 404;
        response.end();
      }
    } else {
      response.statusCode = 404;
      response.end();
    }
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done({ server, url: `http://127.0.0.1:${server.address().port}/` })));
}
