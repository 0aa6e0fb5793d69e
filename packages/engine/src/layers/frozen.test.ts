import { expect, test } from 'vitest';
import { conv2d } from './conv2d.js';
import { defineLayer } from './define.js';
import { dense } from './dense.js';
import { frozen } from './frozen.js';
import { relu } from './relu.js';
import type { Layer } from './types.js';

const rolesOf = (layer: Layer, inputShape: readonly number[]) =>
  layer.build(inputShape).parameters.map(({ name, role }) => [name, role]);

test.each([
  ['dense(2)', dense(2), [3]],
  ['conv2d(4)', conv2d(4, { kernel: 3 }), [1, 5, 5]],
] as const)('%s keeps names, shapes and start values, and trains nothing', (_kind, layer, inputShape) => {
  const [before, after] = [layer.build(inputShape), frozen(layer).build(inputShape)];
  expect(after.outputShape).toEqual(before.outputShape);
  expect(after.parameters).toEqual(
    before.parameters.map((parameter) => ({ ...parameter, initialize: expect.anything(), role: 'frozen' })),
  );
});

test('names the layer that it freezes', () => {
  expect(frozen(dense(2)).kind).toBe('frozen(dense(2))');
  expect(frozen(relu()).build([3]).parameters).toEqual([]);
});

test('what changes without gradients goes on changing', () => {
  const values = { shape: [1], initialize: () => new Float32Array(1) };
  const layer = defineLayer({
    kind: 'counting',
    build: (inputShape) => ({
      outputShape: inputShape,
      parameters: [
        { name: 'weight', role: 'trained', ...values },
        { name: 'count', role: 'buffer', ...values },
      ],
      apply: (_g, x) => x,
    }),
  });
  expect(rolesOf(frozen(layer), [1])).toEqual([
    ['weight', 'frozen'],
    ['count', 'buffer'],
  ]);
});
