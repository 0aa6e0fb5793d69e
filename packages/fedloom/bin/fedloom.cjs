#!/usr/bin/env node
// Committed as plain JavaScript, because npm does not link a command whose file is not there before the build.
// Before anything else is loaded, which an older Node may not even understand.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `fedloom: this is Node ${process.versions.node}; fedloom needs Node 20.19 or later. See https://nodejs.org\n`,
  );
  process.exit(1);
}

const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const { join } = require('node:path');

// Node 22 and later keep what they compiled; Node 20 has no such thing.
enableCompileCache?.();

const main = join(__dirname, '../dist/command/main.js');
if (!existsSync(main)) {
  process.stderr.write('fedloom: not built yet. Run `npm run build` in the repository, then try again.\n');
  process.exit(1);
}
require(main);
