import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exampleGatherer, gatherExamples, gatherRows } from './gather.js';

const x = { dtype: 'float32' as const, shape: [3, 2], data: Float32Array.of(0, 1, 10, 11, 20, 21) };
const y = { dtype: 'int64' as const, shape: [3], data: BigInt64Array.of(5n, 6n, 7n) };

describe('gatherExamples', () => {
  it('takes the rows in their order, repeated ones too', () => {
    const gathered = gatherExamples({ x, y, rows: Int32Array.of(2, 0, 2) });
    expect(gathered.x).toEqual({ dtype: 'float32', shape: [3, 2], data: Float32Array.of(20, 21, 0, 1, 20, 21) });
    expect(gathered.y).toEqual({ dtype: 'int64', shape: [3], data: BigInt64Array.of(7n, 5n, 7n) });
  });

  it('copies all rows where none are named', () => {
    const copy = gatherRows(x, undefined);
    expect(copy).toEqual(x);
    expect(copy.data.buffer).not.toBe(x.data.buffer);
  });

  it('copies rows of any length from any offset', () => {
    const cases = fc.record({ width: fc.integer({ min: 1, max: 9 }), offset: fc.integer({ min: 0, max: 5 }) });
    fc.assert(
      fc.property(cases, fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 12 }), ({ width, offset }, rows) => {
        const bytes = Uint8Array.from({ length: offset + 7 * width }, (_, i) => (i * 37) % 256).subarray(offset);
        const gathered = gatherRows({ dtype: 'uint8', shape: [7, width], data: bytes }, Int32Array.from(rows));
        expect(gathered.shape).toEqual([rows.length, width]);
        expect([...gathered.data]).toEqual(rows.flatMap((row) => [...bytes.subarray(row * width, (row + 1) * width)]));
      }),
    );
  });
});

describe('exampleGatherer', () => {
  it('gives what gatherExamples gives, in memory that it uses again', () => {
    const gather = exampleGatherer();
    const buffers = [[2, 0, 2], [1], [0, 1], [2, 2, 2]].map((rows) => {
      const examples = { x, y, rows: Int32Array.from(rows) };
      const gathered = gather(examples);
      expect(gathered).toEqual(gatherExamples(examples));
      return gathered.x.data.buffer;
    });
    expect(new Set(buffers).size).toBe(1);
    expect(gather({ x, y })).toEqual(gatherExamples({ x, y }));
  });
});
