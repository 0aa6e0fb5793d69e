import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHostFile } from './hostfile/parse-host-file.js';
import { placeRanks } from './placement.js';

const placed = (text: string, processes: number) => placeRanks(parseHostFile(text, 'hosts'), processes);

describe('placeRanks', () => {
  it('deals round-robin over all hosts in their order, the first included', () => {
    expect(placed('a\nb\nc\nd', 9)).toEqual([
      [0, 4, 8],
      [1, 5],
      [2, 6],
      [3, 7],
    ]);
  });

  it('leaves hosts without a process that are more than there are processes', () => {
    expect(placed('a\nb\nc', 2)).toEqual([[0], [1], []]);
  });

  it('passes over hosts whose slots are taken', () => {
    expect(placed('a slots=1\nb slots=3\nc', 8)).toEqual([[0], [1, 3, 5], [2, 4, 6, 7]]);
  });

  it('goes beyond the slots only when all are taken, up to the greatest number', () => {
    expect(placed('a slots=1 max_slots=3\nb slots=3', 6)).toEqual([
      [0, 4, 5],
      [1, 2, 3],
    ]);
  });

  it('refuses what does not fit, with the arithmetic', () => {
    expect(() => placed('a slots=2\nb:3\nc max_slots=1', 11)).toThrow(
      '11 processes (the server and 10 clients) do not fit the slots of hosts: a 2 + b 3 + c 1 = 6, 5 too few.',
    );
  });

  it('gives every rank to one host, within its limits', () => {
    const host = fc.record({ slots: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }) });
    fc.assert(
      fc.property(
        fc.array(host, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 30 }),
        (limits, processes) => {
          const text = limits.map(({ slots }, i) => `n${i}${slots === undefined ? '' : ` slots=${slots}`}`).join('\n');
          const room = limits.reduce((sum, { slots = Number.POSITIVE_INFINITY }) => sum + slots, 0);
          if (room < processes) {
            expect(() => placed(text, processes)).toThrow(`= ${room}, ${processes - room} too few`);
            return;
          }
          const ranks = placed(text, processes);
          expect(ranks.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: processes }, (_, rank) => rank));
          for (const [i, { slots = Number.POSITIVE_INFINITY }] of limits.entries()) {
            expect(ranks[i]?.length).toBeLessThanOrEqual(slots);
          }
        },
      ),
    );
  });
});
