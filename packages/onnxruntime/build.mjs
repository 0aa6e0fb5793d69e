// Takes over the code and the libraries of onnxruntime-node as they are: all but what its install script needs, which downloads
// CUDA libraries wherever it is installed on Linux, and fails without access to them.
import { copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const here = import.meta.dirname;
const upstream = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
const { version } = manifestOf(upstream);
const expected = manifestOf(here).version;
if (version !== expected)
  throw new Error(`onnxruntime-node is ${version}, but this package says that it is ${expected}`);

// Written last, so that what was broken off is done again, and what is whole stays for the processes that use it.
const stamp = join(here, 'dist', '.taken-from');
const taken = `${version} without maps`;
if (readOrEmpty(stamp) !== taken) {
  for (const folder of ['bin', 'dist']) {
    rmSync(join(here, folder), { recursive: true, force: true });
    take(folder);
  }
  writeFileSync(stamp, taken);
}

function take(folder) {
  mkdirSync(join(here, folder), { recursive: true });
  for (const entry of readdirSync(join(upstream, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) take(path);
    else if (path.endsWith('.js')) copyCode(join(upstream, path), join(here, path));
    else if (!path.endsWith('.map')) linkOrCopy(join(upstream, path), join(here, path));
  }
}

/** Without the names of maps, which name sources that are not here. */
function copyCode(from, to) {
  writeFileSync(to, readFileSync(from, 'utf8').replace(/^\/\/# sourceMappingURL=.*\n?/gm, ''));
}

/** Libraries for all systems are 290 MB: a second name for the same file takes no room. */
function linkOrCopy(from, to) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
