import { expect, test } from 'vitest';
import { rules } from './rules/index.js';
import { operators, rewrite } from './testing/rewrite.js';
import { perceptron, type Recipe, trainGraph } from './testing/train-graphs.js';

function stepOperators(recipe: Recipe): string[] {
  const { graph } = rewrite(trainGraph(recipe), rules);
  const scan = graph.nodes.find(({ op }) => op === 'Scan');
  return operators(scan!.body!);
}

// The fastest forms found by hand; each node more costs about a microsecond a step.

test('a step of logistic regression is eight nodes', () => {
  expect(stepOperators(perceptron(784, 10))).toEqual([
    ...['Gather', 'Cast', 'Gemm'],
    ...['Softmax', 'Sub', 'Mul'],
    ...['Gemm', 'Gemm'],
  ]);
});

test('a step of the 2NN is 22 nodes: one Gemm for each product and update, two nodes for each relu gradient', () => {
  const counts = new Map<string, number>();
  for (const op of stepOperators(perceptron(784, 200, 200, 10))) counts.set(op, (counts.get(op) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({
    Gather: 1,
    Cast: 1,
    Gemm: 11,
    Relu: 2,
    Softmax: 1,
    Sub: 1,
    Mul: 3,
    HardSigmoid: 2,
  });
});
