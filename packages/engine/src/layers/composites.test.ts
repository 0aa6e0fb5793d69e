import { describe, expect, test } from 'vitest';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { applied, testContext } from '../testing/layer-context.js';
import { batchNorm } from './batch-norm.js';
import { block, concatenated, residual } from './composites.js';
import { conv2d } from './conv2d.js';
import { dense } from './dense.js';
import { relu } from './relu.js';
import { sequential } from './sequential.js';
import type { Layer } from './types.js';

const namesOf = (layer: Layer, inputShape: readonly number[]) =>
  layer.build(inputShape).parameters.map(({ name }) => name);

/** What the layer makes of two samples, its parameters all of one value each. */
function results(layer: Layer, values: Readonly<Record<string, number>>) {
  const built = layer.build([2]);
  const filled = built.parameters.map(({ name, shape }) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return floats(shape, new Array<number>(size).fill(values[name] ?? 0));
  });
  return evaluateGraph([floats([2, 2], [1, 2, 3, 4]), ...filled], (g, [x, ...rest]) => {
    const params = new Map(built.parameters.map(({ name }, index) => [name, rest[index]!]));
    return applied(built, g, x!, params, testContext(g, 2)).output;
  });
}

test('residual adds the sample, or what the shortcut makes of it', () => {
  const same = residual([dense(2, { bias: false })]);
  expect(namesOf(same, [2])).toEqual(['0.weight']);
  expect(results(same, { '0.weight': 10 }).values).toEqual([31, 32, 73, 74]);
  const wider = residual({ fc: dense(3, { bias: false }) }, [dense(3)]);
  expect(namesOf(wider, [2])).toEqual(['fc.weight', 'downsample.0.weight', 'downsample.0.bias']);
  const made = results(wider, { 'fc.weight': 10, 'downsample.0.weight': 1, 'downsample.0.bias': 0.5 });
  expect(made).toEqual({ shape: [2, 3], values: [33.5, 33.5, 33.5, 77.5, 77.5, 77.5] });
});

test('concatenated puts branches one behind the other', () => {
  const both = concatenated([[dense(1, { bias: false })], [relu()]]);
  expect(namesOf(both, [2])).toEqual(['0.0.weight']);
  expect(results(both, { '0.0.weight': 1 })).toEqual({ shape: [2, 3], values: [3, 1, 2, 7, 3, 4] });
});

test('buffers come through layers within layers, under their names', () => {
  const nested = sequential({ stem: block([residual([dense(2), batchNorm({ affine: false })])]), head: dense(1) });
  const built = nested.build([2]);
  const names = built.parameters.map(({ name }) => name);
  expect(names).toEqual([
    'stem.0.0.weight',
    'stem.0.0.bias',
    'stem.0.1.running_mean',
    'stem.0.1.running_var',
    'head.weight',
    'head.bias',
  ]);
  evaluateGraph([floats([2, 2], [1, 2, 3, 4])], (g, [x]) => {
    const params = new Map(
      built.parameters.map(({ name, shape }) => [name, g.expand(g.constant(1, 'float32'), shape)]),
    );
    const { output, buffers } = applied(built, g, x!, params, testContext(g, 2));
    expect([...buffers.keys()]).toEqual(['stem.0.1.running_mean', 'stem.0.1.running_var']);
    return output;
  });
});

describe('what does not go together', () => {
  test.each([
    [
      'a residual of another shape',
      () => residual([dense(3)]).build([2]),
      'layer.shape',
      /give \[3\], and the sample has \[2\]/,
    ],
    [
      'a shortcut of another shape',
      () => residual([dense(3)], [dense(4)]).build([2]),
      'layer.shape',
      /its shortcut gives \[4\]/,
    ],
    [
      'branches of pictures of two sizes',
      () => concatenated([[conv2d(2, { kernel: 3 })], [relu()]]).build([1, 5, 5]),
      'layer.shape',
      /branch 1:concatenated gives \[1, 5, 5\]/,
    ],
    ['no branches', () => concatenated([]), 'layer.option', /give a list of lists/],
    ['a block of nothing', () => block([]), 'layer.option', /block: the list of layers is empty/],
    ['a name with a dot', () => sequential({ 'a.b': relu() }), 'layer.option', /named "a\.b"/],
    [
      'an error within a block',
      () => sequential([block([relu(), conv2d(1, { kernel: 3 })])]).build([4]),
      'layer.shape',
      /Layer 0:block: Layer 1:conv2d/,
    ],
  ])('%s', (_, make, code, message) => {
    expect(make).toThrow(expect.objectContaining({ code }));
    expect(make).toThrow(message);
  });
});
