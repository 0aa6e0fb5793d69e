import { describe, expect, test } from 'vitest';
import { testRandom } from '../testing/random.js';
import { leakyRelu } from './activations.js';
import { batchNorm } from './batch-norm.js';
import { dropout } from './dropout.js';
import { groupNorm, instanceNorm, layerNorm } from './sample-norms.js';
import type { Layer } from './types.js';

const parametersOf = (layer: Layer, inputShape: readonly number[]) =>
  layer
    .build(inputShape)
    .parameters.map(({ name, shape, role, initialize }) => [name, shape, role, initialize(testRandom(1))[0]]);

describe('parameters as in torch.nn', () => {
  test('BatchNorm2d', () => {
    expect(parametersOf(batchNorm(), [3, 4, 4])).toEqual([
      ['weight', [3], 'trained', 1],
      ['bias', [3], 'trained', 0],
      ['running_mean', [3], 'buffer', 0],
      ['running_var', [3], 'buffer', 1],
    ]);
    expect(parametersOf(batchNorm({ affine: false }), [3]).map(([name]) => name)).toEqual([
      'running_mean',
      'running_var',
    ]);
  });

  test('GroupNorm, LayerNorm, and InstanceNorm2d, which has none', () => {
    const affine = (shape: readonly number[]) => [
      ['weight', shape, 'trained', 1],
      ['bias', shape, 'trained', 0],
    ];
    expect(parametersOf(groupNorm(2), [4, 5, 5])).toEqual(affine([4]));
    expect(parametersOf(layerNorm(), [4, 5])).toEqual(affine([4, 5]));
    expect(parametersOf(layerNorm({ dimensions: 1 }), [4, 5])).toEqual(affine([5]));
    expect(parametersOf(instanceNorm(), [4, 5, 5])).toEqual([]);
  });
});

test.each([
  [
    'groups that do not divide the channels',
    () => groupNorm(3).build([4, 2, 2]),
    'layer.shape',
    /3 divides.*\[4, 2, 2\]/,
  ],
  ['more dimensions than a sample has', () => layerNorm({ dimensions: 3 }).build([4, 2]), 'layer.shape', /at least 3/],
  ['batch norm of single numbers', () => batchNorm().build([]), 'layer.shape', /\[channels, \.\.\.\]/],
  ['a momentum of 0', () => batchNorm({ momentum: 0 }), 'layer.option', /momentum is 0/],
  ['an epsilon of 0', () => batchNorm({ epsilon: 0 }), 'layer.option', /epsilon is 0/],
  ['another setting', () => groupNorm(2, { eps: 1 } as never), 'layer.option', /no setting eps/],
  ['a probability of 1', () => dropout(1), 'layer.option', /probability is 1; it must be at least 0 and below 1/],
  ['a slope that is no number', () => leakyRelu({ slope: Number.NaN }), 'layer.option', /slope is NaN/],
])('refuses %s', (_, make, code, message) => {
  expect(make).toThrow(expect.objectContaining({ code }));
  expect(make).toThrow(message);
});
