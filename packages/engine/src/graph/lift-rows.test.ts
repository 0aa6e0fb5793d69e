import { expect, test } from 'vitest';
import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import { checkCases } from './testing/check-case.js';
import type { ScanAttributes, Value } from './value.js';

/** tanh(row * state * scale), whose derivative is of rows alone once the states are known. */
function walk(g: Graph, { x, state, scale }: Readonly<Record<string, Value>>): Value {
  return g.scan([x!], [state!], (body, [row], [before]) => {
    const next = body.tanh(body.mul(body.mul(row!, before!), scale!));
    return { carried: [next], collected: [next] };
  }).collected[0]!;
}

const inputs = { x: { shape: [4, 2, 3] }, state: { shape: [2, 3] }, scale: { shape: [3] } };

checkCases('what is lifted out of the way back', [
  { name: 'a factor that broadcasts', inputs, build: walk },
  {
    name: 'rows of fewer axes than what they are multiplied with',
    inputs: { x: { shape: [4, 3] }, state: { shape: [2, 3] } },
    build: (g, { x, state }) =>
      g.scan([x!], [state!], (body, [row], [before]) => ({
        carried: [body.tanh(body.mul(before!, body.exp(row!)))],
        collected: [],
      })).carried[0]!,
  },
  ...[3, 4].map((width) => ({
    name: `a row of one number by one of ${width}, in three steps`,
    inputs: { x: { shape: [3, width] }, m: { shape: [3] }, state: { shape: [width] } },
    build: (g: Graph, { x, m, state }: Readonly<Record<string, Value>>) =>
      g.scan([x!, m!], [state!], (body, [row, scale], [before]) => ({
        carried: [body.tanh(body.add(before!, row!))],
        collected: [body.mul(row!, scale!)],
      })).collected[0]!,
  })),
  {
    name: 'gradients of rows alone, so that nothing is left to walk',
    inputs: { x: { shape: [4, 3] }, state: { shape: [3] } },
    build: (g, { x, state }) =>
      g.scan([x!], [state!], (body, [row], [before]) => ({
        carried: [before!],
        collected: [body.exp(body.mul(row!, row!))],
      })).collected[0]!,
  },
]);

test('a step of the way back is left with what depends on the step before', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [4, 2, 3]);
  const state = g.input('state', 'float32', [2, 3]);
  const { collected } = g.scan([x], [state], (body, [row], [before]) => {
    const next = body.tanh(body.mul(row!, before!));
    return { carried: [next], collected: [next] };
  });
  gradients(collected[0]!, [state]);
  const back = g.nodes.filter(({ primitive }) => primitive.name === 'scan').at(-1)!;
  const { body } = back.attributes as ScanAttributes;
  const names = body.nodes.map(({ primitive }) => primitive.name).filter((name) => name !== 'input');
  // 1 - tanh² and the row are one factor.
  expect(names.sort()).toEqual(['add', 'mul']);
});
