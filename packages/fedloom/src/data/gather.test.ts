import { describe, expect, it } from 'vitest';
import { gatherExamples, gatherRows } from './gather.js';

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
});
