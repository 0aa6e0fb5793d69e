import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquet } from 'fedloom';
import { scratchFolder } from '../scratch.js';
import { type Target, unlessRefusedLater } from '../target.js';

const FILE = join(scratchFolder(), 'rows.parquet');

/** A table in Parquet. */
export const target: Target = {
  // All of them lie in the corpus.
  seeds: () => [],
  async run(input) {
    await writeFile(FILE, input);
    await unlessRefusedLater(/^data\./, () => parquet(FILE, { label: 'y', classes: 2, missing: 'drop' }).load('train'));
  },
};
