import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { root } from '../repository/source-tree.js';

/** With PyTorch and what else `tools/python/install.sh` installs. */
export const PYTHON = join(root, 'node_modules/.cache/python/bin/python');

const installed = existsSync(PYTHON) && spawnSync(PYTHON, ['-c', 'import numpy, torch']).status === 0;
const needed = process.env.CI === 'true';

/** Where Python is not installed these are skipped; CI needs it. */
export function describePython(name: string, tests: () => void): void {
  const how = installed || needed ? '' : ' (tools/python/install.sh)';
  describe.skipIf(!installed && !needed)(`${name}${how}`, tests);
}
