import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { root } from '../repository/source-tree.js';

const BYTES_MAX = 100_000;

it('what a page loads of fedloom is below 100 kB, compressed', () => {
  const sizes = ['index.js', 'worker.js'].map(
    (name) => gzipSync(readFileSync(join(root, 'packages/fedloom/dist/page', name))).length,
  );
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(BYTES_MAX);
});
