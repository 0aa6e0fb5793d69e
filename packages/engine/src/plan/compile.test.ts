import { describe, expect, test } from 'vitest';
import { conv2d } from '../layers/conv2d.js';
import { dense } from '../layers/dense.js';
import { meanSquaredError } from '../layers/losses.js';
import { accuracy } from '../layers/metrics.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import { sgd } from '../layers/sgd.js';
import { testRandom } from '../testing/random.js';
import { cnnRecipe, controlVariateTerms, mlpRecipe, proximalTerms, smallImages } from '../testing/recipes.js';
import { compilePlan } from './compile.js';
import { decodePlan } from './encode.js';
import { initializeParameters } from './initialize.js';
import type { GraphSpec } from './manifest.js';

const portsOf = ({ inputs, outputs }: GraphSpec) => ({
  inputs: inputs.map(({ port }) => port).sort(),
  outputs: outputs.map(({ port }) => port).sort(),
});
const names = ['1.bias', '1.weight', '3.bias', '3.weight'];
const each = (prefix: string) => names.map((name) => `${prefix}/${name}`);

describe('the manifest', () => {
  test('says what a client must know', () => {
    const { manifest } = compilePlan(mlpRecipe({ evaluationBatchSize: 100 }));
    expect(manifest).toMatchObject({
      format: 1,
      name: 'mlp',
      data: smallImages,
      training: { localEpochs: 2, batchSize: 4, shuffle: true },
      evaluation: { batchSize: 100 },
      metrics: [{ name: 'loss' }, { name: 'accuracy' }],
      scalars: { learningRate: 0.1 },
      algorithm: { name: 'fedAvg', broadcast: [], state: [], upload: [] },
    });
    expect(manifest.parameters.map(({ name }) => name)).toEqual(names);
    expect(manifest.parameters[1]).toEqual({
      name: '1.weight',
      shape: [8, 36],
      dtype: 'float32',
      role: 'trained',
      scope: 'shared',
      fold: 'mean',
    });
  });

  test('names the ports of plain training, and no input that nothing uses', () => {
    const { graphs } = compilePlan(mlpRecipe()).manifest;
    expect(portsOf(graphs.train)).toEqual({
      inputs: ['order', ...each('parameter'), 'scalar/learningRate', 'x', 'y'],
      outputs: [...each('new/parameter'), 'new/sampleLoss'],
    });
    expect(portsOf(graphs.evaluate)).toEqual({
      inputs: ['order', ...each('parameter'), 'x', 'y'],
      outputs: ['new/sampleMetric/accuracy', 'new/sampleMetric/loss'],
    });
    expect(graphs.finish).toBeUndefined();
  });

  test('names the ports of momentum, gradient terms and a finish graph', () => {
    const training = { localEpochs: 1, batchSize: 4, optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }) };
    const proximal = compilePlan(mlpRecipe({ training, terms: proximalTerms(0.5) })).manifest;
    expect(proximal.scalars).toEqual({ learningRate: 0.1, mu: 0.5 });
    expect(portsOf(proximal.graphs.train).inputs).toEqual([
      ...each('global'),
      ...each('optimizer/momentum'),
      'order',
      ...each('parameter'),
      'scalar/learningRate',
      'scalar/mu',
      'x',
      'y',
    ]);
    const variates = compilePlan(mlpRecipe({ terms: controlVariateTerms })).manifest;
    expect(portsOf(variates.graphs.finish!)).toEqual({
      inputs: [
        ...each('broadcast/c'),
        ...each('global'),
        ...each('parameter'),
        'scalar/learningRate',
        ...each('state/ci'),
        'stepCount',
      ],
      outputs: [...each('new/state/ci'), ...each('new/upload/delta')],
    });
  });

  test('estimates the work of a sample to a factor of three', () => {
    const dense2nn = sequential([dense(200), relu(), dense(200), relu(), dense(10)]);
    const data = {
      ...smallImages,
      x: { dtype: 'uint8', shape: [784] },
      y: { dtype: 'int32', shape: [], classes: 10 },
    } as const;
    const { sampleFlops } = compilePlan(mlpRecipe({ model: dense2nn, data })).manifest;
    const products = 6 * 199_210;
    expect(sampleFlops / products).toBeGreaterThan(1 / 3);
    expect(sampleFlops / products).toBeLessThan(3);
  });
});

test.each([
  ['mlp', () => mlpRecipe()],
  ['cnn', () => cnnRecipe()],
  ['control variates', () => mlpRecipe({ terms: controlVariateTerms })],
])('%s compiles to the same bytes every time, and they decode', (_, recipe) => {
  const plan = compilePlan(recipe());
  expect(compilePlan(recipe()).bytes).toEqual(plan.bytes);
  expect(decodePlan(plan.bytes)).toEqual(plan);
});

test('initial parameters are a function of the stream, in ascending order of names, drawn layer by layer', () => {
  const { model, data } = mlpRecipe();
  const first = initializeParameters(model, data, testRandom(1));
  expect([...first.keys()]).toEqual(names);
  expect(initializeParameters(model, data, testRandom(1))).toEqual(first);
  const random = testRandom(1);
  const drawn = Float32Array.from({ length: 8 * 36 }, () => (2 * random.next() - 1) / 6);
  expect(first.get('1.weight')).toEqual({ dtype: 'float32', shape: [8, 36], data: drawn });
});

describe('refuses, with the culprit’s name,', () => {
  const refusal = (changes: Parameters<typeof mlpRecipe>[0]) => () => compilePlan(mlpRecipe(changes));
  const training = mlpRecipe().training;

  test.each([
    [
      'a layer that does not fit',
      { model: sequential([conv2d(3, { kernel: 3 })]) },
      'layer.shape',
      /0:conv2d\(3\).*\[6, 6\]/,
    ],
    ['a dense layer of rows', { model: sequential([dense(3)]) }, 'loss.shape', /gives \[6, 3\]: add flatten\(\)/],
    ['a loss that does not fit', { loss: meanSquaredError() }, 'loss.shape', /meanSquaredError/],
    ['half an epoch', { training: { ...training, localEpochs: 0.5 } }, 'plan.option', /localEpochs is 0.5/],
    ['batches of nothing', { training: { ...training, batchSize: 0 } }, 'plan.option', /batchSize is 0.*or 'all'/],
    ['a metric twice', { metrics: [accuracy(), accuracy()] }, 'plan.option', /two metrics named 'accuracy'/],
    ['a metric named loss', { metrics: [{ ...accuracy(), name: 'loss' }] }, 'plan.option', /'loss' is always there/],
  ] as const)('%s', (_, changes, code, message) => {
    expect(refusal(changes)).toThrow(expect.objectContaining({ code }));
    expect(refusal(changes)).toThrow(message);
  });

  test('terms that use what they do not declare, or do not make what they promise', () => {
    const undeclared = { ...proximalTerms(1), scalars: {} };
    expect(refusal({ terms: undeclared })).toThrow(/scalar 'mu'/);
    const slots = { ...controlVariateTerms, broadcast: [] };
    expect(refusal({ terms: slots })).toThrow(/broadcast 'c' of '1.bias'/);
    const lazy = { ...controlVariateTerms, finish: () => ({ upload: {}, state: {} }) };
    expect(refusal({ terms: lazy })).toThrow(/does not return it/);
    const { finish: _, ...without } = controlVariateTerms;
    expect(refusal({ terms: without })).toThrow(/no finish\(\)/);
    const wrongShape = {
      ...controlVariateTerms,
      finish: controlVariateTerms.finish && ((g) => ({ upload: { delta: g.constant(1, 'float32') }, state: {} })),
    } as typeof controlVariateTerms;
    expect(refusal({ terms: wrongShape })).toThrow(/new\/upload\/delta\/1.bias must be float32 \[8\]/);
    expect(refusal({ terms: { ...proximalTerms(1), scalars: { mu: 1, learningRate: 2 } } })).toThrow(/another name/);
  });
});
