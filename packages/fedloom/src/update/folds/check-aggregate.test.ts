import type { Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { tensorOf } from '../../conformance/tensor-values.js';
import { specOf } from '../testing/fold-inputs.js';
import { checkAggregate } from './check-aggregate.js';
import { median } from './median.js';

const specs = [
  specOf('n', [], { dtype: 'int64', kind: 'buffer' }),
  specOf('top', [1], { fold: 'max', kind: 'buffer' }),
  specOf('w', [2], { dtype: 'float16' }),
];

function aggregate(changes: Record<string, Tensor | undefined> = {}): Map<string, Tensor> {
  const sound = {
    n: tensorOf('int64', [], [3]),
    top: tensorOf('float32', [1], [1]),
    w: tensorOf('float64', [2], [1, 2]),
  };
  const entries = Object.entries<Tensor | undefined>({ ...sound, ...changes });
  return new Map(entries.filter((entry): entry is [string, Tensor] => entry[1] !== undefined));
}

describe('checkAggregate', () => {
  it('passes means of floats as float64, all others in their dtype', () => {
    expect(() => checkAggregate(median(), aggregate(), specs)).not.toThrow();
  });

  it.each<[string, RegExp, Record<string, Tensor | undefined>]>([
    ['aggregate.names', /fold "median" lacks tensor "w"/, { w: undefined }],
    ['aggregate.names', /holds a tensor "x"/, { x: tensorOf('float64', [1], [1]) }],
    ['aggregate.shape', /shape \[1\] in tensor "w" where \[2\]/, { w: tensorOf('float64', [1], [1]) }],
    ['aggregate.dtype', /float16 in tensor "w" where float64/, { w: tensorOf('float16', [2], [1, 2]) }],
    ['aggregate.dtype', /float64 in tensor "top" where float32/, { top: tensorOf('float64', [1], [1]) }],
    ['aggregate.overflow', /NaN or infinity in tensor "w"/, { w: tensorOf('float64', [2], [1, Number.NaN]) }],
    ['aggregate.overflow', /tensor "top"/, { top: tensorOf('float32', [1], [Number.NEGATIVE_INFINITY]) }],
  ])('refuses with %s (%s)', (code, message, changes) => {
    expect(() => checkAggregate(median(), aggregate(changes), specs)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
