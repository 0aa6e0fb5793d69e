import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { type ClientShare, partitionLines } from './partition-lines.js';

const colors = pc.createColors(false);
const of = (shares: readonly ClientShare[], columns = 79) => partitionLines(shares, { columns, colors });

describe('partitionLines', () => {
  const shares = [
    { client: 0, train: 1200, test: 10, labels: [1000, 0, 200] },
    { client: 1, train: 501, test: 0, labels: [1, 500, 0] },
  ];

  it('draws how many samples of each label a client has', () => {
    expect(of(shares)).toEqual([
      'client  train  test  0 1 2',
      '     0  1,200    10  █ · ░',
      '     1    501     0  ░ ▒ ·',
      '',
      'train samples a client: 501 to 1,200, median 1,200',
      'labels a client: 2',
      '· 0 ░ 250 ▒ 500 ▓ 750 █ 1,000 at most',
    ]);
  });

  it('draws sizes where there are no labels', () => {
    const sizes = [10, 40, 1].map((train, client) => ({ client, train, test: 0, labels: [] }));
    expect(of(sizes, 39).slice(0, 4)).toEqual([
      'client  train  test',
      '     0     10     0  █████',
      `     1     40     0  ${'█'.repeat(18)}`,
      '     2      1     0  █',
    ]);
  });

  it.each([30, 39, 79, 200])('fits %d columns, whatever the number of labels and clients', (columns) => {
    for (const labels of [1, 10, 11, 100, 1000]) {
      const many = Array.from({ length: 100 }, (_, client) => ({
        client,
        train: 600,
        test: 100,
        labels: Array.from({ length: labels }, (_each, label) => (label + client) % 7),
      }));
      const lines = of(many, columns);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
      expect(lines[41]).toBe('and 60 clients more');
      expect(lines[0]?.includes('…')).toBe(!lines[0]?.endsWith(String(labels - 1)));
    }
  });
});
