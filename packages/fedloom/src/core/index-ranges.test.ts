import { FedloomError } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandRanges, formatRanges, parseRanges, rangesFromIndices } from './index-ranges.js';

describe('index ranges', () => {
  it('parse what people write', () => {
    expect(parseRanges('0-49,60')).toEqual([
      { from: 0, count: 50 },
      { from: 60, count: 1 },
    ]);
    expect(parseRanges(' 7 , 3 - 5')).toEqual([
      { from: 3, count: 3 },
      { from: 7, count: 1 },
    ]);
  });

  it('merge what overlaps or touches', () => {
    expect(parseRanges('5-9,0-4,7,2-3')).toEqual([{ from: 0, count: 10 }]);
  });

  it.each(['', 'a', '1-', '-1', '5-3', '1,,2', '1.5', '0-9007199254740993', '1-2-3', '0x10'])('refuse %j', (text) => {
    const parse = () => parseRanges(text);
    expect(parse).toThrow(FedloomError);
    expect(parse).toThrow(/write for instance/);
  });

  it('hold exactly the indices they were made from, and survive text', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60)), (indices) => {
        const ranges = rangesFromIndices(indices);
        expect(expandRanges(ranges)).toEqual([...new Set(indices)].sort((a, b) => a - b));
        if (indices.length > 0) expect(parseRanges(formatRanges(ranges))).toEqual(ranges);
      }),
    );
  });
});
