import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '@fedloom/engine';
import { npz } from 'fedloom';
import { encodeNpz } from '../../../../packages/fedloom/dist/data/node/npz.js';
import { scratchFolder } from '../scratch.js';
import { type Target, unlessRefusedLater } from '../target.js';

const FILE = join(scratchFolder(), 'arrays.npz');

/** Arrays as numpy writes them. */
export const target: Target = {
  // What is compressed lies in the corpus.
  seeds: () => [
    Buffer.concat(
      encodeNpz(
        new Map<string, Tensor>([
          ['x', { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
          ['y', { dtype: 'int64', shape: [2], data: BigInt64Array.of(0n, 1n) }],
        ]),
      ),
    ),
  ],
  async run(input) {
    await writeFile(FILE, input);
    await unlessRefusedLater(/^data\./, () => npz(FILE, { classes: 2 }).load('train'));
  },
};
