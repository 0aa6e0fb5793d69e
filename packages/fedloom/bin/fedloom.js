#!/usr/bin/env node
// Committed as plain JavaScript, because npm does not link a command whose file is not there before the build.
import { existsSync } from 'node:fs';

const entry = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write('fedloom: not built yet. Run `npm run build` in the repository, then try again.\n');
  process.exit(1);
}
await import(entry.href);
