#!/usr/bin/env node
// Committed as plain JavaScript, because npm does not link a command whose file is not there before the build.
import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

const entry = new URL('../dist/bundle/main.js', import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write('fedloom: not built yet. Run `npm run build` in the repository, then try again.\n');
  process.exit(1);
}
// Node 20 and 21 optimize whatever has run a little, on threads that take the cores from the run: a fifth of a short run's
// processor time. Later is better; what runs long is optimized all the same.
if (Number.parseInt(process.versions.v8, 10) < 12) setFlagsFromString('--interrupt-budget=300000');
await import(entry.href);
