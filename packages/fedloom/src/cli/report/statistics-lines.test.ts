import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import type { DataDescription } from '../../data/description.js';
import { statisticsLines } from './statistics-lines.js';

const colors = pc.createColors(false);
const of = (description: DataDescription, tableColumns = 79) =>
  statisticsLines('patients.csv', description, { tableColumns, colors });

const numbers = {
  kind: 'numbers',
  count: 9,
  blank: 1,
  minimum: 35,
  maximum: 68,
  mean: 50.123456789,
  deviation: 11.5,
} as const;
const texts = { kind: 'texts', count: 10, blank: 0, distinct: 2 } as const;
const description: DataDescription = {
  samples: 10,
  columns: [
    { ...numbers, name: 'age' },
    { ...texts, name: 'blood group', texts: { "o'": 4, 'a"': 6 } },
    { ...texts, name: 'note', distinct: 1000 },
    { ...texts, name: 'site', texts: { n: 10 }, distinct: 1 },
    { ...texts, name: 'ill', texts: { no: 5, yes: 5 } },
  ],
  label: 'ill',
  ignored: ['site'],
};

describe('statisticsLines', () => {
  it('tell what there is, and what to paste, in full', () => {
    expect(of(description)).toEqual([
      'patients.csv: 10 training samples',
      '',
      'column          blank  values',
      'age                 1  35 to 68, mean 50.123, deviation 11.5',
      `blood group            o' 4, a" 6`,
      'note                   1,000 different texts',
      'site (ignored)         n 10',
      'ill (label)            no 5, yes 5',
      '',
      'To fix them in the task:',
      '',
      "classes: ['no', 'yes'],",
      'categories: {',
      `  'blood group': ['o\\'', 'a"'],`,
      '},',
      'standardize: {',
      '  age: { mean: 50.123456789, deviation: 11.5 },',
      '},',
      "ignore: ['site', 'note'],",
    ]);
  });

  it('take two lines a column on narrow screens', () => {
    const lines = of(description, 39);
    expect(lines.slice(2, 6)).toEqual([
      'age, 1 blank',
      '  35 to 68, mean 50.123, deviation 11.5',
      'blood group',
      `  o' 4, a" 6`,
    ]);
  });

  it('take a few texts among numbers for what may mean blank', () => {
    const lines = of({ samples: 10, columns: [{ ...numbers, name: 'age', texts: { NA: 1200, '?': 1 } }] });
    expect(lines[3]).toBe("age         1  35 to 68, mean 50.123, deviation 11.5, and 'NA' 1,200, and '?' 1");
    expect(lines).toContain("blank: ['NA', '?'],");
  });

  it('list a vocabulary', () => {
    expect(of({ samples: 2, columns: [], vocabulary: ['a', "don't", '\n'] }).at(-1)).toBe(
      "vocabulary: ['a', 'don\\'t', '\\n'],",
    );
  });
});
