import { expect, test } from 'vitest';
import type { Tensor } from '../tensor.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { applied, testContext } from '../testing/layer-context.js';
import { multiHeadAttention } from './attention.js';
import { defineLayer } from './define.js';
import { dense } from './dense.js';
import { embedding } from './embedding.js';
import { gru } from './gru.js';
import { masked, positionMean } from './masked.js';
import type { Layer } from './types.js';

const tokens = (rows: readonly (readonly number[])[]): Tensor => ({
  dtype: 'int32',
  shape: [rows.length, rows[0]?.length ?? 0],
  data: Int32Array.from(rows.flat()),
});

/** What a layer makes of tokens, with parameters that follow from their names' order alone. */
function made(layer: Layer, rows: readonly (readonly number[])[]): readonly number[] {
  const x = tokens(rows);
  const built = layer.build(x.shape.slice(1));
  const parameters = built.parameters.map(({ shape }, at) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    return floats(
      shape,
      Array.from({ length: count }, (_, place) => Math.sin(1 + at + 0.7 * place)),
    );
  });
  return evaluateGraph([x, ...parameters], (g, [input, ...values]) => {
    if (input === undefined) throw new Error('no input');
    const params = new Map(
      built.parameters.flatMap(({ name }, at) => (values[at] === undefined ? [] : [[name, values[at]]])),
    );
    return applied(built, g, input, params, testContext(g, rows.length)).output;
  }).values;
}

const encoder = (causal: boolean) => masked(0, [embedding(5, 4), multiHeadAttention(2, { causal }), positionMean()]);

test.each([
  ['attention', encoder(false)],
  ['causal attention', encoder(true)],
  ['gru', masked(0, [embedding(5, 4), gru(3, { layers: 2 })])],
])('%s: how far a text is filled up changes nothing', (_, layer) => {
  const short = made(layer, [[3, 1, 4]]);
  for (const [at, value] of made(layer, [[3, 1, 4, 0, 0]]).entries())
    expect(value).toBeCloseTo(short[at] ?? Number.NaN, 12);
  // Without the mask it would.
  expect(made(layer, [[3, 1, 4, 2, 2]])).not.toEqual(short);
});

test('a text of padding alone is zeros to the mean, and finite to attention', () => {
  expect(made(masked(0, [embedding(5, 2), positionMean()]), [[0, 0, 0]])).toEqual([0, 0]);
  expect(made(encoder(true), [[0, 0, 0]]).every(Number.isFinite)).toBe(true);
});

test('without a mask the mean is that of all positions', () => {
  const { values } = evaluateGraph([floats([1, 2, 2], [1, 2, 3, 6])], (g, [x]) => {
    if (x === undefined) throw new Error('no input');
    return applied(positionMean().build([2, 2]), g, x, new Map(), testContext(g, 1)).output;
  });
  expect(values).toEqual([2, 4]);
});

test('what does not go together is refused', () => {
  const halved = defineLayer({
    kind: 'halved',
    build: ([positions = 0, width = 0]) => ({
      outputShape: [positions / 2, width],
      parameters: [],
      apply: (g, x) => g.slice(x, 1, 0, positions / 2),
    }),
  });
  expect(() => made(masked(0, [embedding(5, 2), halved, positionMean()]), [[1, 2, 3, 4]])).toThrow(
    /positionMean: its samples are \[2, 2\], and the tokens that masked\(\) looked at have 4 positions/,
  );
  expect(() => masked(0, [dense(2)]).build([3, 4])).toThrow(/masked\(0\).*\[tokens\].*\[3, 4\]/);
  expect(() => masked(-1, [dense(2)])).toThrow(/masked\(-1\): padding is -1/);
  expect(() => masked(0, [])).toThrow(/masked: the list of layers is empty/);
});
