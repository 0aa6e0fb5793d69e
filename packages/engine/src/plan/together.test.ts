import { describe, expect, test } from 'vitest';
import { defineLoss } from '../layers/define.js';
import { dense } from '../layers/dense.js';
import { embeddingBag } from '../layers/embedding.js';
import { meanSquaredError } from '../layers/losses.js';
import { accuracy } from '../layers/metrics.js';
import { sequential } from '../layers/sequential.js';
import { sgd } from '../layers/sgd.js';
import { softmaxCrossEntropy } from '../layers/softmax-cross-entropy.js';
import { tanh } from '../layers/tanh.js';
import type { Loss } from '../layers/types.js';
import { allocate, type Tensor } from '../tensor.js';
import {
  averagingRecipe,
  cnnRecipe,
  controlVariateTerms,
  languageRecipe,
  mlpRecipe,
  proximalTerms,
  recurrentRecipe,
  regressionRecipe,
  textRecipe,
} from '../testing/recipes.js';
import { expectEqualResults, jobFor, momentum, runnerFor, slowClock } from '../testing/runners.js';
import type { TrainResult } from './jobs.js';
import type { PlanSource } from './source.js';

describe('several clients in one call', () => {
  /** Clients' jobs, and the one that holds all of them; each fills its batches. */
  function jobsFor(source: PlanSource, sampleCounts: readonly number[]) {
    const alone = sampleCounts.map((sampleCount, client) => ({
      ...jobFor(source, sampleCount, client + 1),
      parameters: jobFor(source, 1, 99).parameters,
    }));
    const together = {
      parameters: alone[0]!.parameters,
      x: stackSamples(alone.map(({ x }) => x)),
      y: stackSamples(alone.map(({ y }) => y)),
      sampleCounts,
      orders: alone.map(({ order }) => order),
    };
    return { alone, together };
  }

  function stackSamples(tensors: readonly Tensor[]): Tensor {
    const [{ dtype, shape }] = tensors as readonly [Tensor];
    const values = tensors.flatMap(({ data }) => [...data].map(Number));
    const rows = tensors.reduce((sum, tensor) => sum + tensor.shape[0]!, 0);
    const data = allocate(dtype, values.length) as Float32Array;
    data.set(values);
    return { dtype, shape: [rows, ...shape.slice(1)], data };
  }

  const recipes: readonly (readonly [string, PlanSource])[] = [
    ['mlp', mlpRecipe()],
    ['cnn', cnnRecipe()],
    ['mlp with momentum and weight decay', mlpRecipe({ training: momentum })],
    ['mlp with a proximal term', mlpRecipe({ terms: proximalTerms(0.5) })],
    ['texts', textRecipe()],
    ['language', languageRecipe()],
    ['recurrent layers', recurrentRecipe()],
    ['average pools', averagingRecipe()],
  ];

  const cases = recipes.flatMap(([name, source]) => [
    { name, source, sampleCounts: [12, 12, 12, 12, 12] },
    { name: `${name}, padded`, source, sampleCounts: [10, 9, 11, 12, 10] },
    { name: `${name}, smaller than a batch`, source, sampleCounts: [3, 3, 3, 3, 3] },
  ]);
  test.each(cases)(
    '$name: trained to the bit as alone, also when the call is cut',
    async ({ source, sampleCounts }) => {
      const { alone, together } = jobsFor(source, sampleCounts);
      const runner = await runnerFor(source);
      expect(runner.trainsTogether).toBe(true);
      const cut = await runnerFor(source, { now: slowClock((call) => (call % 3 === 0 ? 1e5 : 1)) });
      const expected: TrainResult[] = [];
      for (const job of alone) expected.push(await runner.train(job));
      for (const results of [
        await runner.trainEach(together),
        await cut.trainEach(together),
        await cut.trainEach(together),
      ]) {
        expect(results).toHaveLength(5);
        for (const [client, result] of results.entries()) {
          expectEqualResults(result, expected[client]!);
          expect(result.stepCount).toBe(expected[client]!.stepCount);
        }
      }
    },
  );

  test.each(recipes)('%s: evaluated to the bit as alone, whatever their batches', async (_, changes) => {
    const source = { ...changes, evaluationBatchSize: 4 };
    const sampleCounts = [1, 4, 9, 3, 4, 30];
    const { alone, together } = jobsFor(source, sampleCounts);
    const runner = await runnerFor(source);
    const results = await runner.evaluateEach(together, sampleCounts);
    for (const [client, job] of alone.entries()) expect(results[client]).toEqual(await runner.evaluate(job));
  });

  // Wide enough that sums over a batch are made of vectors, and odd, so that no two lie alike in memory.
  const wide = { training: { localEpochs: 2, batchSize: 13, optimizer: sgd({ learningRate: 0.1 }) } };
  const regression = {
    model: sequential([dense(11)]),
    data: { x: { dtype: 'float32', shape: [3] }, y: { dtype: 'float32', shape: [11] } },
    metrics: [],
    ...wide,
  } as const;
  const labelled = {
    data: { x: { dtype: 'int32', shape: [7] }, y: { dtype: 'int32', shape: [], classes: 11 } },
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
  } as const;
  test.each([
    ['mlp', mlpRecipe(wide)],
    ['regression', mlpRecipe({ ...regression, loss: meanSquaredError() })],
    ['regression of single numbers', regressionRecipe(wide)],
    ['texts', textRecipe(wide)],
    ['language', languageRecipe(wide)],
    ['average pools and a sigmoid at the end', averagingRecipe(wide)],
    [
      'a model that ends with a mean over tokens',
      textRecipe({ ...wide, ...labelled, model: sequential([embeddingBag(9, 11, { padding: 0 })]) }),
    ],
    [
      'a model that ends with tanh',
      textRecipe({ ...wide, ...labelled, model: sequential([embeddingBag(9, 11), tanh()]) }),
    ],
    ['a loss that ends in a logarithm', mlpRecipe({ ...regression, loss: logCosh() })],
  ])('%s: where in a call a batch lies changes no bit of its losses', async (_, source) => {
    const sampleCounts = Array.from({ length: 40 }, (_, client) => (client % 7 === 3 ? 39 : 13));
    const { alone, together } = jobsFor(source, sampleCounts);
    const runner = await runnerFor(source);
    const cut = await runnerFor(source, { now: slowClock(() => 1e9) });
    const evaluated = await runner.evaluateEach(together, sampleCounts);
    for (const [client, job] of alone.entries()) {
      expect(evaluated[client]).toEqual(await cut.evaluate(job));
      expectEqualResults(await runner.train(job), await cut.train(job));
    }
  });

  /** log cosh (prediction - target), averaged over the outputs by products: a sample's last operation is a logarithm. */
  function logCosh(): Loss {
    return defineLoss({
      name: 'logCosh',
      check: () => {},
      perSample(g, prediction, target) {
        const error = g.sub(prediction, target);
        const cosh = g.mul(g.add(g.exp(error), g.exp(g.neg(error))), 0.5);
        return g.log(
          g.reshape(g.matmul(cosh, g.constant(new Float32Array(11).fill(1), 'float32', [11, 1])), [
            prediction.shape[0]!,
          ]),
        );
      },
    });
  }

  test('counts that do not add up, orders of several shapes and clients that keep a state are refused', async () => {
    const source = mlpRecipe();
    const runner = await runnerFor(source);
    const input = { code: 'plan.input' };
    const { together } = jobsFor(source, [12, 12]);
    await expect(runner.trainEach({ ...together, sampleCounts: [12, 11] })).rejects.toMatchObject(input);
    await expect(runner.evaluateEach(together, [24, 0])).rejects.toMatchObject(input);
    await expect(runner.trainEach(jobsFor(source, [12, 8]).together)).rejects.toMatchObject(input);
    const foreign = { ...together, orders: [together.orders[0]!, jobsFor(source, [30]).together.orders[0]!] };
    await expect(runner.trainEach(foreign)).rejects.toMatchObject(input);
    await expect(runner.trainEach({ ...together, isCancelled: () => true })).rejects.toMatchObject({
      code: 'plan.cancelled',
    });
    const stateful = await runnerFor(mlpRecipe({ terms: controlVariateTerms }));
    expect(stateful.trainsTogether).toBe(false);
    await expect(stateful.trainEach(together)).rejects.toMatchObject(input);
    expect(await runner.trainEach(together)).toHaveLength(2);
  });
});
