import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const tool = fileURLToPath(new URL('../../../tools/model-copies.js', import.meta.url));
const MEGABYTES = 64;
/** What docs/reliability.md says: three beside the five of the exact sums; and the heap, pieces on their way and the like. */
const COPIES_MAX = 8;
const OTHER_MEGABYTES = 80;

it.runIf(process.platform === 'linux')(
  'a server holds no more copies of a large model than its sums and three',
  async ({ annotate }) => {
    const given = [`--megabytes=${MEGABYTES}`, '--clients=3', '--rounds=2'];
    const { stdout } = await promisify(execFile)(process.execPath, [tool, ...given]);
    await annotate(stdout);
    const [, copies] = /^all +([\d.]+)/m.exec(stdout) ?? [];
    expect(Number(copies)).toBeGreaterThan(5);
    expect(Number(copies)).toBeLessThan(COPIES_MAX + OTHER_MEGABYTES / MEGABYTES);
  },
  180_000,
);
