import { expect, test } from 'vitest';
import { compilePlan } from '../plan/compile.js';
import { stackedTrainGraph } from '../plan/stacked-graph.js';
import { cnnRecipe, mlpRecipe } from '../testing/recipes.js';
import { processorNodes } from './processor-nodes.js';

test('what trains a model with max pools has theirs, and what evaluates it has none', () => {
  const { train, evaluate } = compilePlan(cnnRecipe());
  expect(processorNodes(train)).toEqual([expect.stringContaining('maxPool2d')]);
  expect(processorNodes(evaluate)).toEqual([]);
  expect(processorNodes(compilePlan(mlpRecipe()).train)).toEqual([]);
});

test('clients that train together have those of one', () => {
  const { train, manifest } = compilePlan(cnnRecipe());
  const wanted = manifest.graphs.train.outputs.map(({ port }) => port);
  expect(processorNodes(stackedTrainGraph(train, wanted))).toEqual(processorNodes(train));
});
