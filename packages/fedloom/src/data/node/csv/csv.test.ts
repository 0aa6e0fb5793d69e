import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CsvDataset, csv } from './csv.js';
import type { CsvOptions } from './csv-options.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fedloom-csv-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function file(text: string | Uint8Array, name = 'patients.csv'): Promise<string> {
  await writeFile(join(dir, name), text);
  return join(dir, name);
}

async function read(text: string | Uint8Array, options: CsvOptions): Promise<CsvDataset> {
  return csv(await file(text), options);
}

async function errorOf(action: () => Promise<unknown>): Promise<FedloomError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof FedloomError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const rowsOf = async (data: CsvDataset, split: 'train' | 'test' = 'train') => {
  const { x, y } = await data.load(split);
  const width = x.shape[1] as number;
  const rows = Array.from({ length: x.shape[0] as number }, (_, row) =>
    Array.from(x.data.slice(row * width, (row + 1) * width), Number),
  );
  return { rows, labels: Array.from(y.data, Number) };
};

const PATIENTS = 'age,sex,outcome\n50,f,ill\n40,m,healthy\n60,f,healthy\n';
const sexes = { sex: ['f', 'm'] };
const outcomes = ['healthy', 'ill'];

describe('csv', () => {
  it('reads numbers, categories and classes', async () => {
    const data = await read(PATIENTS, { label: 'outcome', classes: outcomes, categories: sexes });
    expect([data.name, await data.inputNames()]).toEqual(['patients', ['age', 'sex=f', 'sex=m']]);
    expect(await rowsOf(data)).toEqual({
      rows: [
        [50, 1, 0],
        [40, 0, 1],
        [60, 1, 0],
      ],
      labels: [1, 0, 0],
    });
    const { x, y } = await data.spec();
    expect([x, y]).toEqual([
      { dtype: 'float32', shape: [3] },
      { dtype: 'int32', shape: [], classes: 2 },
    ]);
    expect((await data.load('test')).x.shape).toEqual([0, 3]);
    expect((await data.load('train')).x.data.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('takes a label without classes for a target to regress', async () => {
    const data = await read('a,b\n1,0.5\n2,-3e2\n', { label: 'b' });
    expect((await data.spec()).y).toEqual({ dtype: 'float32', shape: [1] });
    expect(await rowsOf(data)).toEqual({ rows: [[1], [2]], labels: [0.5, -300] });
  });

  it.each<[string, string | Uint8Array, Partial<CsvOptions>]>([
    ['a byte order mark', `\ufeff${PATIENTS}`, {}],
    ['CRLF', PATIENTS.replaceAll('\n', '\r\n'), {}],
    ['CR alone', PATIENTS.replaceAll('\n', '\r'), {}],
    ['no end of the last line', PATIENTS.trimEnd(), {}],
    ['semicolons', PATIENTS.replaceAll(',', ';'), {}],
    ['tabs', PATIENTS.replaceAll(',', '\t'), {}],
    ['a separator that nobody guesses', PATIENTS.replaceAll(',', '~'), { separator: '~' }],
    ['quotes', PATIENTS.replaceAll(/\w+/g, '"$&"'), {}],
    ['blanks around cells', PATIENTS.replaceAll(',', ' , '), {}],
    ['blank lines', `\n${PATIENTS.replaceAll('\n', '\n\n  \n')}\n\n`, {}],
    ['decimal commas', 'age;sex;outcome\n5,0e1;f;ill\n40;m;healthy\n60,0;f;healthy\n', { decimal: ',' }],
  ])('reads a file with %s', async (_what, text, options) => {
    const data = await read(text, { label: 'outcome', classes: outcomes, categories: sexes, ...options });
    expect((await rowsOf(data)).rows).toEqual([
      [50, 1, 0],
      [40, 0, 1],
      [60, 1, 0],
    ]);
  });

  it('reads quoted separators, quotes and line ends, and counts lines beyond them', async () => {
    const text = 'age,note,outcome\r\n50,"a, ""b""\r\nc",0\r\n\r\n40,d,1\r\nx,e,0\r\n';
    const error = await errorOf(async () =>
      (await read(text, { label: 'outcome', classes: 2, ignore: ['note'] })).spec(),
    );
    expect(error.message).toMatch(/patients\.csv:6: column "age" holds "x", which is no number/);
    const data = await read(text.replace('x,e', '1,e'), { label: 'outcome', classes: 2, ignore: ['note'] });
    expect((await data.load('train')).columns?.get('note')?.values).toEqual(['a, "b"\r\nc', 'd', 'e']);
  });

  it('sees the inputs that are named, in their order, and keeps the others to deal by', async () => {
    const text = 'age,hospital,weight,y\n1,A,10,0\n2,B,20,1\n3,A,30,1\n';
    const data = await read(text, { label: 'y', classes: 2, inputs: ['weight', 'age'] });
    expect((await rowsOf(data)).rows).toEqual([
      [10, 1],
      [20, 2],
      [30, 3],
    ]);
    expect((await data.load('train')).columns).toEqual(
      new Map([['hospital', { values: ['A', 'B'], codes: Int32Array.of(0, 1, 0) }]]),
    );
  });

  describe('standardizes', () => {
    const text = 'a,b,c,y\n1,5,u,0\n3,5,v,1\n5,5,u,1\n7,5,u,0\n';
    const options = { label: 'y', classes: 2, categories: { c: ['u', 'v'] } };
    it('with the numbers of the task, and leaves the others as they are', async () => {
      const data = await read(text, { ...options, standardize: { a: { mean: 1, deviation: 2 } } });
      expect((await rowsOf(data)).rows.map(([a, b]) => [a, b])).toEqual([
        [0, 5],
        [1, 5],
        [2, 5],
        [3, 5],
      ]);
      expect(data.learned).toEqual([]);
    });

    it('with `true` by the training rows, which is the same to the bit as the numbers that it stands for', async () => {
      const data = await read(text, { ...options, standardize: true, test: { share: 0.5, seed: 3 } });
      const { rows } = await rowsOf(data);
      expect(rows.map(([a, b]) => [a, b])).toEqual([
        [-1, 0],
        [1, 0],
      ]);
      expect(data.learned).toEqual(['standardize: true']);
      const raw = await rowsOf(await read(text, { ...options, test: { share: 0.5, seed: 3 } }));
      const values = raw.rows.map(([a = 0]) => a);
      const mean = values.reduce((sum, value) => sum + value, 0) / 2;
      const deviation = Math.abs((values[0] ?? 0) - mean);
      const fixed = await read(text, {
        ...options,
        standardize: { a: { mean, deviation }, b: { mean: 5, deviation: 0 } },
        test: { share: 0.5, seed: 3 },
      });
      expect(await rowsOf(fixed)).toEqual(await rowsOf(data));
      expect(await rowsOf(fixed, 'test')).toEqual(await rowsOf(data, 'test'));
      expect(await fixed.spec()).toEqual(await data.spec());
    });
  });

  it('tells data that were encoded otherwise by the encoding of its spec', async () => {
    const encodings = await Promise.all(
      [
        {},
        { standardize: true },
        { categories: { sex: ['m', 'f'] } },
        { classes: ['ill', 'healthy'] },
        { missing: 0 },
        { inputs: ['sex', 'age'] },
      ].map(async (change: Partial<CsvOptions>) => {
        const data = csv(await file(PATIENTS), { label: 'outcome', classes: outcomes, categories: sexes, ...change });
        return (await data.spec()).encoding;
      }),
    );
    expect(encodings[0]).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(new Set(encodings).size).toBe(encodings.length);
  });

  describe('blank cells', () => {
    const text = 'a,c,y\n1,u,0\n,u,1\n3,NA,1\n5,v,\n9,v,0\n';
    const options = { label: 'y', classes: 2, categories: { c: ['u', 'v'] }, blank: ['NA'] };
    it('drop their rows', async () => {
      const { rows, labels } = await rowsOf(await read(text, { ...options, missing: 'drop' }));
      expect([rows.map(([a]) => a), labels]).toEqual([
        [1, 9],
        [0, 0],
      ]);
    });

    it('stand for the mean, for a number, or for a category of their own', async () => {
      const of = (more: Partial<CsvOptions>) =>
        read('a,c,y\n1,u,0\n,NA,1\n3,v,1\n', { ...options, categories: { c: ['u', 'v', ''] }, ...more });
      const mean = await rowsOf(await of({ standardize: true, missing: 'mean' }));
      expect(mean.rows).toEqual([
        [-1, 1, 0, 0],
        [0, 0, 0, 1],
        [1, 0, 1, 0],
      ]);
      const number = await rowsOf(await of({ missing: { a: -1 } }));
      expect(number.rows.map(([a]) => a)).toEqual([1, -1, 3]);
    });

    it.each<[RegExp, Partial<CsvOptions>]>([
      [/patients\.csv:3: column "a" is blank/, {}],
      [/patients\.csv:4: column "c" is blank/, { missing: { a: 0 } }],
      [/patients\.csv:5: column "y" is blank/, { missing: { a: 0, c: 'drop' } }],
      [/patients\.csv:4: column "c" holds "NA", but its categories are u, v/, { missing: 0, blank: [] }],
    ])('are refused where no rule says otherwise: %s', async (message, more) => {
      const error = await errorOf(async () => (await read(text, { ...options, ...more })).load('train'));
      expect(error.message).toMatch(message);
      expect(error.code).toBe('data.csv');
    });
  });

  it('takes test rows from another file, whose columns may be in another order', async () => {
    await file('outcome,extra,sex,age\nhealthy,1,m,7\n', 'test.csv');
    const data = csv('patients.csv', { label: 'outcome', classes: outcomes, categories: sexes, test: 'test.csv' });
    await file(PATIENTS);
    expect(await rowsOf(data.inFolder(dir), 'test')).toEqual({ rows: [[7, 0, 1]], labels: [0] });
  });

  it('holds out a share by seed, each row once', async () => {
    const text = `a,y\n${Array.from({ length: 100 }, (_, i) => `${i},0`).join('\n')}\n`;
    const of = async (seed?: number) => {
      const data = await read(text, {
        label: 'y',
        classes: 1,
        test: { share: 0.25, ...(seed !== undefined && { seed }) },
      });
      return [(await rowsOf(data)).rows.flat(), (await rowsOf(data, 'test')).rows.flat()] as const;
    };
    const [train, test] = await of();
    expect([train.length, test.length]).toEqual([75, 25]);
    expect([...train, ...test].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(train).toEqual([...train].sort((a, b) => a - b));
    expect(await of(0)).toEqual([train, test]);
    expect((await of(1))[1]).not.toEqual(test);
  });

  it('encodes rows to predict as those it was trained on, without labels', async () => {
    const data = await read(PATIENTS, {
      label: 'outcome',
      classes: outcomes,
      categories: sexes,
      standardize: { age: { mean: 50, deviation: 10 } },
      missing: 'drop',
    });
    const x = await data.inputsOf(await file('sex,age\nm,60\nf,50\n', 'new.csv'));
    expect([x.shape, [...x.data]]).toEqual([
      [2, 3],
      [1, 0, 1, 0, 1, 0],
    ]);
    const error = await errorOf(async () => data.inputsOf(await file('sex,age\nm,\n', 'new.csv')));
    expect(error.message).toMatch(/new\.csv:2: column "age" is blank/);
  });

  it.each<[string, string | Uint8Array, RegExp, Partial<CsvOptions>?]>([
    ['data.csv', 'age,sex,outcome\n1,f\n', /csv:2: there are 2 cells, but the first line names 3 columns/],
    ['data.csv', `${PATIENTS}1,f,ill,9\n`, /csv:5: there are 4 cells/],
    ['data.csv', `${PATIENTS}1,x,ill\n`, /csv:5: column "sex" holds "x", but its categories are f, m\./],
    ['data.csv', `${PATIENTS}1,f,dead\n`, /csv:5: column "outcome" holds "dead", but the classes are healthy, ill/],
    ['data.csv', `${PATIENTS}abc,f,ill\n`, /csv:5: column "age" holds "abc", which is no number/],
    ['data.csv', `${PATIENTS}"3,5",f,ill\n`, /"3,5", which is no number. With decimal: ',' it is one/],
    ['data.csv', `${PATIENTS}1e39,f,ill\n`, /"1e39", which is no number/],
    [
      'data.csv',
      'age,sex,outcome\n1,f,2\n',
      /csv:2: column "outcome" holds "2", but the 2 classes are 0 to 1/,
      { classes: 2 },
    ],
    ['data.csv', 'age,sex,outcome\n1,f,0.5\n', /holds "0.5"; labels are whole numbers from 0/, { classes: 2 }],
    ['data.csv', 'age,sex,outcome\n1,f,-1\n', /holds "-1", but the 2 classes/, { classes: 2 }],
    ['data.csv', 'age,sex,outcome\n1,"f,ill\n2,f,ill\n', /csv:2: a cell begins with a double quote that no other ends/],
    ['data.csv', 'age,sex,outcome\n1,"f"x,ill\n', /csv:2: after the double quote that ends a cell/],
    ['data.csv', 'age,,outcome\n1,f,ill\n', /csv:1: column 2 has no name/],
    ['data.csv', 'age,age,outcome\n1,f,ill\n', /csv:1: two columns are named "age"/],
    ['data.csv', '', /patients\.csv is empty/],
    ['data.empty', 'age,sex,outcome\n', /patients\.csv has no rows\./],
    ['data.empty', 'age,sex,outcome\n,f,ill\n', /has no rows: all 1 were dropped/, { missing: 'drop' }],
    ['data.empty', 'age,sex,outcome\n1,f,ill\n', /of 1 samples none can be held out/, { test: { share: 0.5 } }],
    ['data.column', PATIENTS, /has no column "outcom"\. Did you mean "outcome"\?/, { label: 'outcom' }],
    ['data.column', PATIENTS, /no column "blood"\. It has age, sex, outcome/, { ignore: ['blood'] }],
    ['data.column', PATIENTS, /say what stands between them: separator/, { separator: '~' }],
    ['data.option', PATIENTS, /"sex" is no column of numbers/, { standardize: { sex: { mean: 0, deviation: 1 } } }],
    ['data.option', PATIENTS, /blank cells of "age" cannot be its mean/, { missing: 'mean' }],
    ['data.option', PATIENTS, /"sex" holds texts/, { missing: { sex: 0 } }],
    ['data.option', PATIENTS, /no column is left/, { ignore: ['age', 'sex'] }],
    ['data.file', Uint8Array.of(0x61, 0xe4, 0x0a), /is no text in UTF-8/],
  ])('refuses with %s: %j', async (code, text, message, more = {}) => {
    const error = await errorOf(async () =>
      (await read(text, { label: 'outcome', classes: outcomes, categories: sexes, ...more })).load('train'),
    );
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('says where it looked for a file that is not there', async () => {
    const error = await errorOf(() => csv('nowhere.csv', { label: 'y' }).inFolder(dir).spec());
    expect(error.code).toBe('data.file');
    expect(error.message).toContain(`Cannot read ${join(dir, 'nowhere.csv')}: it is not there`);
  });

  it.each<[RegExp, unknown]>([
    [/label is missing/, {}],
    [/there is no option labels\. Did you mean "label"\?/, { labels: 'y' }],
    [/classes must be how many/, { label: 'y', classes: ['a', 'a'] }],
    [/categories must be lists of texts by column/, { label: 'y', categories: ['f', 'm'] }],
    [/standardize must be true, false, or numbers by column/, { label: 'y', standardize: { age: { mean: 1 } } }],
    [/missing must be 'refuse'/, { label: 'y', missing: 'zero' }],
    [/separator must be a single character/, { label: 'y', separator: '::' }],
    [/separator and decimal are the same/, { label: 'y', separator: ',', decimal: ',' }],
    [/the label "y" is among the inputs/, { label: 'y', inputs: ['y'] }],
    [/inputs names the columns that the model sees: leave out ignore/, { label: 'y', inputs: ['a'], ignore: ['b'] }],
    [/"y" is the label: give its texts as classes/, { label: 'y', categories: { y: ['a'] } }],
    [/test must be a file/, { label: 'y', test: 0.2 }],
    [/test\.share must lie between 0 and 1, not be 20/, { label: 'y', test: { share: 20 } }],
    [/test\.seed must be a whole number/, { label: 'y', test: { share: 0.2, seed: 0.5 } }],
  ])('refuses options at once: %s', (message, options) => {
    expect(() => csv('patients.csv', options as CsvOptions)).toThrow(message);
  });

  it('describes what is there, of the rows that it trains on, whatever the task says already', async () => {
    const rows = Array.from(
      { length: 10 },
      (_, at) => `${at === 3 ? 'NA' : at},${at === 4 ? '' : 'uv'[at % 2]},n${at},${at % 2}`,
    );
    const data = await read(`a,c,note,y\n${rows.join('\n')}\n`, {
      label: 'y',
      classes: 2,
      ignore: ['note'],
      missing: { c: 'drop' },
    });
    await expect(data.load('train')).rejects.toThrow(
      /"u", which is no number.*`npx fedloom statistics` shows what stands in it/,
    );
    expect(await data.describe()).toMatchObject({
      samples: 9,
      label: 'y',
      ignored: ['note'],
      columns: [
        { kind: 'numbers', name: 'a', count: 8, blank: 1, texts: { NA: 1 }, minimum: 0, maximum: 9 },
        { kind: 'texts', name: 'c', texts: { u: 4, v: 5 } },
        { kind: 'texts', name: 'note', distinct: 9 },
        { kind: 'texts', name: 'y', texts: { 0: 4, 1: 5 } },
      ],
    });
  });
});
