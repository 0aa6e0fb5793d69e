import { type FedloomError, type Tensor, zeros } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { checkTensors, findMismatch, sortedTensors, type TensorSpec } from './params.js';

const expected: TensorSpec[] = [
  { name: 'a', shape: [2, 3], dtype: 'float32' },
  { name: 'b', shape: [], dtype: 'int64' },
];
const good = () =>
  new Map<string, Tensor>([
    ['b', zeros('int64', [])],
    ['a', zeros('float32', [2, 3])],
  ]);

describe('checkTensors', () => {
  it('takes exactly the expected tensors, in any order', () => {
    expect(() => checkTensors(good(), expected, 'The model')).not.toThrow();
  });

  it.each([
    ['params.names', /^The model lacks tensor "b"/, (t: Map<string, Tensor>) => t.delete('b')],
    [
      'params.names',
      /tensor "c" that the model does not have/,
      (t: Map<string, Tensor>) => t.set('c', zeros('bool', [1])),
    ],
    [
      'params.dtype',
      /float64 in tensor "a" where float32/,
      (t: Map<string, Tensor>) => t.set('a', zeros('float64', [2, 3])),
    ],
    [
      'params.shape',
      /shape \[3, 2\] in tensor "a" where \[2, 3\]/,
      (t: Map<string, Tensor>) => t.set('a', zeros('float32', [3, 2])),
    ],
    ['params.shape', /shape \[2, 3, 1\]/, (t: Map<string, Tensor>) => t.set('a', zeros('float32', [2, 3, 1]))],
    [
      'params.shape',
      /has 5 elements in tensor "a" where its shape \[2, 3\] holds 6/,
      (t: Map<string, Tensor>) => t.set('a', { dtype: 'float32', shape: [2, 3], data: new Float32Array(5) }),
    ],
    [
      'params.dtype',
      /in a Int32Array, which does not hold float32/,
      (t: Map<string, Tensor>) => t.set('a', { dtype: 'float32', shape: [2, 3], data: new Int32Array(6) }),
    ],
  ])('refuses with %s: %s', (code, message, spoil) => {
    const tensors = good();
    spoil(tensors);
    const check = () => checkTensors(tensors, expected, 'The model');
    expect(check).toThrow(message);
    try {
      check();
    } catch (error) {
      expect((error as FedloomError).code).toBe(code);
    }
  });

  it('names the tensor as a field', () => {
    expect(findMismatch(new Map(), expected)).toMatchObject({ kind: 'names', tensor: 'a' });
  });
});

describe('sortedTensors', () => {
  it('orders names by UTF-16 code units, not by locale', () => {
    const entries = ['b', 'a', 'Z', 'a.10', 'a.2', 'é'].map((name): [string, Tensor] => [name, zeros('bool', [])]);
    expect([...sortedTensors(entries).keys()]).toEqual(['Z', 'a', 'a.10', 'a.2', 'b', 'é']);
  });
});
