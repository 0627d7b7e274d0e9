// node render.mjs --objects DIR --out DIR [--per-family 90] [--browsers 2] [--limit N]
// Renders every object into OUT/raw/<index>.bin and appends a line a finished object to OUT/index.jsonl. Running it again continues.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle, startBrowser } from './browser.mjs';
import { listProcedural, readFurniture } from './catalogue.mjs';
import { families } from './families.mjs';
import { serve } from './server.mjs';

const { values } = parseArgs({
  options: {
    objects: { type: 'string' },
    out: { type: 'string' },
    'per-family': { type: 'string', default: '90' },
    browsers: { type: 'string', default: '2' },
    limit: { type: 'string' },
  },
});
const here = dirname(fileURLToPath(import.meta.url));
const layout = { inputs: 4, inputPixels: 128, rigPixels: 64 };

const objects = [...readFurniture(values.objects), ...listProcedural(Number(values['per-family']), families)];
const seen = new Set();
const unique = objects.filter((o) => !seen.has(o.id) && seen.add(o.id));
const jobs = unique.map((o, index) => ({ ...o, index, viewSeed: (index * 2654435761) >>> 0 }));
// Interleave: shuffled by a hash of the index, so that an early pack is a fair sample.
jobs.sort((a, b) => a.viewSeed - b.viewSeed);

mkdirSync(join(values.out, 'raw'), { recursive: true });
writeFileSync(join(values.out, 'layout.json'), JSON.stringify(layout));
writeFileSync(
  join(here, 'split.json'),
  `${JSON.stringify({ rule: 'sha256(id) as big-endian uint32, mod 100: below 90 train, below 94 val, else test', objects: unique.map((o) => [o.id, o.split]) }, null, 0).replaceAll('],[', '],\n[')}\n`,
);
const index = join(values.out, 'index.jsonl');
const done = new Set(
  existsSync(index)
    ? readFileSync(index, 'utf8')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((l) => JSON.parse(l).index)
    : [],
);
const queue = jobs.filter((j) => !done.has(j.index)).slice(0, values.limit ? Number(values.limit) : undefined);
console.log(`${unique.length} objects, ${done.size} done, ${queue.length} to do`);

const started = Date.now();
let finished = 0,
  skipped = 0;
const { server, url } = await serve({
  objects: values.objects,
  script: await bundle(join(here, 'page.js')),
  next: () => queue.shift(),
  result(query, body) {
    const job = jobs.find((j) => j.index === Number(query.get('index')));
    const views = JSON.parse(query.get('views'));
    const usable = views !== null && Math.max(...views.map((v) => v.coverage)) > 0.01;
    if (usable) writeFileSync(join(values.out, 'raw', `${job.index}.bin`), body);
    else skipped++;
    appendFileSync(index, `${JSON.stringify({ ...job, usable, views, ...(query.get('error') ? { error: query.get('error') } : {}) })}\n`);
    if (++finished % 50 === 0) console.log(`${finished} in ${((Date.now() - started) / 1000).toFixed(0)} s, ${skipped} skipped`);
  },
});
await Promise.all(
  Array.from({ length: Number(values.browsers) }, async () => {
    const browser = await startBrowser(),
      page = await browser.newPage();
    page.on('pageerror', (e) => console.error('page:', e.message));
    await page.goto(url);
    await page.evaluate((options) => globalThis.gestaltWork(options), layout);
    await browser.close();
  }),
);
server.close();
console.log(`done: ${finished} in ${((Date.now() - started) / 1000).toFixed(0)} s, ${skipped} skipped`);
