#!/usr/bin/env node
// Committed as plain JavaScript, because npm does not link a command whose file is not there before the build.
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const start = join(__dirname, '../dist/command/start.js');
if (!existsSync(start)) {
  process.stderr.write('fedloom: not built yet. Run `npm run build` in the repository, then try again.\n');
  process.exit(1);
}
require(start);
