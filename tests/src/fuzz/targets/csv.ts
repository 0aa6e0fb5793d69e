import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CsvOptions, csv } from 'fedloom';
import { scratchFolder } from '../scratch.js';
import { type Target, unlessRefusedLater, utf8 } from '../target.js';

const FILE = join(scratchFolder(), 'rows.csv');
const OPTIONS: readonly CsvOptions[] = [
  { label: 'y', classes: 2, standardize: true, missing: 'mean', blank: ['NA'], test: { share: 0.5 } },
  { label: 'y', categories: { c: ['a', 'b'] }, missing: 'drop', decimal: ',' },
];

/** A table of text, read in one of two ways: the first byte says which. */
export const target: Target = {
  seeds: () => [utf8('0a,b,y\n1,2.5,0\n"3",NA,1\n,-4e-3,1\r\n5,6,0\n'), utf8('1a;c;y\n1,5;a;0,25\n2;"b";1\n\n3;;2\n')],
  async run(input) {
    const options = OPTIONS[(input[0] ?? 0) % OPTIONS.length];
    if (options === undefined) return;
    await writeFile(FILE, input.subarray(1));
    await unlessRefusedLater(/^data\./, async () => {
      const data = csv(FILE, options);
      await data.load('train');
      await data.describe();
    });
  },
};
