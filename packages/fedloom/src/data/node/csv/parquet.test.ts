import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { csv } from './csv.js';
import { parquet } from './parquet.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fedloom-parquet-'));
});
afterEach(() => rm(dir, { recursive: true }));

type Columns = Parameters<typeof parquetWriteBuffer>[0]['columnData'];

async function file(columnData: Columns, name = 'patients.parquet'): Promise<string> {
  await writeFile(join(dir, name), new Uint8Array(parquetWriteBuffer({ columnData })));
  return join(dir, name);
}

const PATIENTS: Columns = [
  { name: 'age', data: [50, null, 40.5, 61], type: 'DOUBLE', nullable: true },
  { name: 'visits', data: [3n, 0n, 12n, 7n], type: 'INT64' },
  { name: 'smokes', data: [true, false, false, true], type: 'BOOLEAN' },
  { name: 'sex', data: ['f', 'm', 'm', 'f'], type: 'STRING' },
  { name: 'ill', data: [1, 0, 0, 1], type: 'INT32' },
];
const options = {
  label: 'ill',
  classes: 2,
  categories: { sex: ['f', 'm'], smokes: ['true'] },
  standardize: { age: { mean: 50, deviation: 10 } },
  missing: { age: 'mean' },
} as const;

async function errorOf(path: string, more: object = {}): Promise<FedloomError> {
  const error = await parquet(path, { ...options, ...more })
    .load('train')
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  if (error instanceof FedloomError) return error;
  throw error ?? new Error('the file passed');
}

describe('parquet', () => {
  it('is the same data set as a CSV file with the same values', async () => {
    const both = { ...options, categories: { ...options.categories, smokes: ['true', 'false'] } };
    const data = parquet(await file(PATIENTS), both);
    await writeFile(
      join(dir, 'patients.csv'),
      'age,visits,smokes,sex,ill\n50,3,true,f,1\n,0,false,m,0\n40.5,12,false,m,0\n61,7,true,f,1\n',
    );
    const same = csv(join(dir, 'patients.csv'), both);
    expect(data.name).toBe('patients');
    expect(await data.load('train')).toEqual(await same.load('train'));
    expect(await data.spec()).toEqual(await same.spec());
    expect(await data.describe()).toEqual(await same.describe());
    expect(Array.from((await data.load('train')).x.data, Number).slice(0, 6)).toEqual([0, 3, 1, 0, 1, 0]);
  });

  it('reads more rows than it makes at a time, in their order', async () => {
    const count = 25_000;
    const numbers = Array.from({ length: count }, (_, at) => at);
    const path = await file([
      { name: 'a', data: numbers, type: 'INT32' },
      { name: 'y', data: numbers.map((at) => at % 2), type: 'INT32' },
    ]);
    const { x, y } = await parquet(path, { label: 'y', classes: 2 }).load('train');
    expect(Array.from(x.data, Number)).toEqual(numbers);
    expect(y.data[count - 1]).toBe(1);
  });

  it('encodes rows to predict', async () => {
    const data = parquet(await file(PATIENTS), { ...options, ignore: ['smokes'], categories: { sex: ['f', 'm'] } });
    const other = await file(
      [
        { name: 'sex', data: ['m'], type: 'STRING' },
        { name: 'visits', data: [2], type: 'INT32' },
        { name: 'age', data: [60], type: 'DOUBLE' },
      ],
      'new.parquet',
    );
    expect(Array.from((await data.inputsOf(other)).data, Number)).toEqual([1, 2, 0, 1]);
  });

  it('names the row of a value that does not fit', async () => {
    const path = await file(PATIENTS);
    const error = await errorOf(path);
    expect([error.code, error.message]).toEqual([
      'data.csv',
      expect.stringMatching(/patients\.parquet:2: column "smokes" holds "false", but its categories are true/),
    ]);
  });

  it.each([
    ['no Parquet file', Buffer.from('a,y\n1,0\n')],
    ['an empty one', Buffer.alloc(0)],
    ['a piece of one', Buffer.from(parquetWriteBuffer({ columnData: PATIENTS })).subarray(0, 200)],
  ])('refuses %s', async (_what, bytes) => {
    await writeFile(join(dir, 'broken.parquet'), bytes);
    const error = await errorOf(join(dir, 'broken.parquet'));
    expect([error.code, error.message]).toEqual([
      'data.parquet',
      expect.stringContaining('broken.parquet is no Parquet file that can be read'),
    ]);
  });

  it('knows nothing of separators', () => {
    expect(() => parquet('x.parquet', { label: 'y', separator: ';' } as never)).toThrow(/separator is about text/);
    expect(() => parquet('x.parquet', { label: 'y', clases: 2 } as never)).toThrow(
      /parquet\('x\.parquet'\): there is no option clases/,
    );
  });
});
