#!/usr/bin/env node
import { run } from '../dist/main.js';

const interrupt = new AbortController();
// the first asks to stop cleanly, the second kills
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => interrupt.abort(new DOMException('interrupted', 'AbortError')));
process.exitCode = await run(process.argv.slice(2), interrupt.signal, (line) => process.stderr.write(`${line}\n`));
