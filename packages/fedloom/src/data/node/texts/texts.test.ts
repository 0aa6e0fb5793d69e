import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TextsOptions } from './text-options.js';
import { type TextDataset, texts } from './texts.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fedloom-texts-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function file(text: string, name: string): Promise<string> {
  await writeFile(join(dir, name), text);
  return join(dir, name);
}

async function rowsOf(data: TextDataset, split: 'train' | 'test' = 'train') {
  const { x, y } = await data.load(split);
  const length = x.shape[1] as number;
  const rows = Array.from({ length: x.shape[0] as number }, (_, row) =>
    Array.from(x.data.slice(row * length, (row + 1) * length), Number),
  );
  return { rows, labels: Array.from(y.data, Number) };
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

const REVIEWS = 'review,stars,shop\n"Good, GOOD film!",1,a\n"Don\'t  go",0,b\nbad film,0,a\n';
const labelled = { text: 'review', label: 'stars', classes: 2, length: 4, vocabulary: ['good', 'film', "don't"] };

describe('texts with labels', () => {
  it('are numbers of words: 0 fills up, 1 is unknown, the vocabulary follows', async () => {
    const data = texts(await file(REVIEWS, 'reviews.csv'), labelled);
    expect(data.name).toBe('reviews');
    expect(await rowsOf(data)).toEqual({
      rows: [
        [2, 2, 3, 0],
        [4, 1, 0, 0],
        [1, 3, 0, 0],
      ],
      labels: [1, 0, 0],
    });
    const { x, y } = await data.spec();
    expect([x, y]).toEqual([
      { dtype: 'int32', shape: [4] },
      { dtype: 'int32', shape: [], classes: 2 },
    ]);
    expect([...((await data.load('train')).columns?.keys() ?? [])]).toEqual(['shop']);
    expect(Array.from((await data.inputsOf(['film?', ''])).data, Number)).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('are numbers of characters, cut at the length', async () => {
    const data = texts(await file('t,y\nabcab,0\n', 'rows.csv'), {
      text: 't',
      label: 'y',
      classes: 1,
      length: 4,
      vocabulary: 'abba',
      by: 'characters',
    });
    expect((await rowsOf(data)).rows).toEqual([[2, 3, 1, 2]]);
    expect(await data.vocabulary()).toEqual(['a', 'b']);
  });

  it('are the same however a letter is composed', async () => {
    const data = texts(await file('t,y\ncafe\u0301,0\nCAFÉ,0\n', 'rows.csv'), {
      ...labelled,
      text: 't',
      label: 'y',
      vocabulary: ['caf\u00e9'],
    });
    expect((await rowsOf(data)).rows.map(([first]) => first)).toEqual([2, 2]);
  });

  it('take the most frequent tokens of the training texts where the task says how many', async () => {
    const path = await file(REVIEWS, 'reviews.csv');
    const data = texts(path, { ...labelled, vocabulary: 3 });
    expect(await data.vocabulary()).toEqual(['film', 'good', 'bad']);
    expect(data.learned).toEqual(['vocabulary: 3']);
    const fixed = texts(path, { ...labelled, vocabulary: ['film', 'good', 'bad'] });
    expect([await fixed.spec(), await rowsOf(fixed), fixed.learned]).toEqual([
      await data.spec(),
      await rowsOf(data),
      [],
    ]);
    const other = texts(path, { ...labelled, vocabulary: ['good', 'film', 'bad'] });
    expect((await other.spec()).encoding).not.toBe((await data.spec()).encoding);
  });

  it('hold out a share, or take tests from another file', async () => {
    const many = `t,y\n${Array.from({ length: 10 }, (_, at) => `w${at},${at % 2}`).join('\n')}\n`;
    const vocabulary = Array.from({ length: 10 }, (_, at) => `w${at}`);
    const options = { text: 't', label: 'y', classes: 2, length: 1, vocabulary };
    const data = texts(await file(many, 'many.csv'), { ...options, test: { share: 0.3, seed: 2 } });
    const [train, test] = [await rowsOf(data), await rowsOf(data, 'test')];
    expect([train.rows.length, test.rows.length]).toEqual([7, 3]);
    expect([...train.rows, ...test.rows].flat().sort((a, b) => a - b)).toEqual(vocabulary.map((_, at) => at + 2));
    for (const { rows, labels } of [train, test]) expect(labels).toEqual(rows.map(([token = 0]) => token % 2));
    await file('t,y\nw3,1\n', 'test.csv');
    const other = texts('many.csv', { ...options, test: 'test.csv' }).inFolder(dir);
    expect(await rowsOf(other, 'test')).toEqual({ rows: [[5]], labels: [1] });
  });

  it.each<[string, string, RegExp, Partial<TextsOptions>?]>([
    ['data.csv', 't,y\nx,0\n"  ",1\n', /rows\.csv:3: column "t" is blank/],
    ['data.csv', 't,y\nx,0\nx,7\n', /rows\.csv:3: column "y" holds "7", but the 2 classes are 0 to 1/],
    ['data.csv', 't,y\nx,0\nx,\n', /rows\.csv:3: column "y" is blank/],
    ['data.csv', 't,y\nx,y,0\n', /rows\.csv:2: there are 3 cells/],
    ['data.column', 'text,y\nx,0\n', /has no column "t"/],
    ['data.empty', 't,y\n,0\n', /has no rows with a text and a label/, { missing: 'drop' }],
  ])('are refused with %s: %j', async (code, text, message, more = {}) => {
    const path = await file(text, 'rows.csv');
    const error = await errorOf(() => texts(path, { ...labelled, text: 't', label: 'y', ...more }).load('train'));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('leave rows out where the task says so', async () => {
    const data = texts(await file('t,y,g\n,0,a\ngood,1,b\ngood,,c\nfilm,0,d\n', 'rows.csv'), {
      ...labelled,
      text: 't',
      label: 'y',
      missing: 'drop',
    });
    expect(await rowsOf(data)).toEqual({
      rows: [
        [2, 0, 0, 0],
        [3, 0, 0, 0],
      ],
      labels: [1, 0],
    });
    const groups = (await data.load('train')).columns?.get('g');
    expect(Array.from(groups?.codes ?? [], (code) => groups?.values[code])).toEqual(['b', 'd']);
  });
});

describe('one long text', () => {
  it('gives each token the ones before it', async () => {
    const data = texts(await file('abcab', 'long.txt'), { length: 2, vocabulary: 'abc', by: 'characters' });
    expect(await rowsOf(data)).toEqual({
      rows: [
        [2, 3],
        [3, 4],
        [4, 2],
      ],
      labels: [4, 2, 3],
    });
    expect((await data.spec()).y).toEqual({ dtype: 'int32', shape: [], classes: 5 });
    expect((await data.load('test')).x.shape).toEqual([0, 2]);
  });

  it('holds out its end, and steps as the task says', async () => {
    const path = await file('one two three four five six seven eight nine ten', 'long.txt');
    const data = texts(path, { length: 2, step: 3, vocabulary: ['one', 'four', 'nine'], test: { share: 0.3 } });
    expect(await rowsOf(data)).toEqual({
      rows: [
        [2, 1],
        [3, 1],
      ],
      labels: [1, 1],
    });
    expect(await rowsOf(data, 'test')).toEqual({ rows: [[1, 4]], labels: [1] });
  });

  it('labels each token with the one behind it', async () => {
    const path = await file('one two three four five', 'long.txt');
    const options = { length: 3, vocabulary: ['one', 'two', 'three', 'four', 'five'] } as const;
    const data = texts(path, { ...options, each: true });
    expect((await data.spec()).y).toEqual({ dtype: 'int32', shape: [3], classes: 7 });
    const { x, y } = await data.load('train');
    expect([...x.data]).toEqual([2, 3, 4, 3, 4, 5]);
    expect([...y.data]).toEqual([3, 4, 5, 4, 5, 6]);
    expect(y.shape).toEqual([2, 3]);
    expect((await data.load('test')).y.shape).toEqual([0, 3]);
    expect((await data.spec()).encoding).not.toBe((await texts(path, options).spec()).encoding);
  });

  it('says when it is too short', async () => {
    const path = await file('one two', 'long.txt');
    const error = await errorOf(() => texts(path, { length: 2, vocabulary: 5 }).spec());
    expect([error.code, error.message]).toEqual([
      'data.empty',
      expect.stringMatching(/has 2 tokens: a sample needs 3/),
    ]);
  });
});

it.each<[RegExp, unknown]>([
  [/length is missing/, { vocabulary: 10 }],
  [/label is missing/, { text: 't', length: 3, vocabulary: 10 }],
  [/vocabulary is missing/, { text: 't', label: 'y', length: 3 }],
  [/vocabulary must be a list of tokens/, { length: 3, vocabulary: ['a', 'a'] }],
  [/vocabulary must be a list of words/, { length: 3, vocabulary: 'abc' }],
  [/vocabulary holds "Good", which no text is cut into: it would be "good"/, { length: 3, vocabulary: ['Good'] }],
  [/vocabulary holds "!", which no text is cut into: nothing of it stays/, { length: 3, vocabulary: ['!'] }],
  [/by must be 'words' or 'characters'/, { length: 3, vocabulary: 5, by: 'letters' }],
  [
    /there is no option clases\. Did you mean "classes"/,
    { text: 't', label: 'y', length: 3, vocabulary: 5, clases: 2 },
  ],
  [
    /the end of the text is held out, which no seed changes/,
    { length: 3, vocabulary: 5, test: { share: 0.1, seed: 1 } },
  ],
])('texts refuses options at once: %s', (message, options) => {
  expect(() => texts('x.txt', options as TextsOptions)).toThrow(message);
});
