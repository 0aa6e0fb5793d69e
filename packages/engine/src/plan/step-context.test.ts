/** What a layer is told of the step that it is part of, on ONNX Runtime and in calls of every length. */
import { describe, expect, test } from 'vitest';
import { adam } from '../layers/adam.js';
import { batchNorm } from '../layers/batch-norm.js';
import { conv2d } from '../layers/conv2d.js';
import { defineLayer } from '../layers/define.js';
import { dense } from '../layers/dense.js';
import { dropout } from '../layers/dropout.js';
import { filled } from '../layers/initializers.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import { flatten, reshape } from '../layers/shape-layers.js';
import type { Layer, LayerResult } from '../layers/types.js';
import type { Tensor } from '../tensor.js';
import { worstError } from '../testing/compare.js';
import { floats } from '../testing/evaluate.js';
import { testRandom } from '../testing/random.js';
import { mlpRecipe } from '../testing/recipes.js';
import { expectEqualResults, interpretedRunner, jobFor, runnerFor, slowClock } from '../testing/runners.js';
import { compilePlan } from './compile.js';
import { decodePlan } from './encode.js';
import type { PlanSource } from './source.js';

function recipe(layers: readonly Layer[], batchSize: number | 'all' = 4): PlanSource {
  const training = { localEpochs: 2, batchSize, optimizer: adam({ learningRate: 0.01 }) };
  return mlpRecipe({ model: sequential(layers), training });
}

// Without the bias, of which batch norm leaves nothing: Adam would make steps of the rest of its gradient's rounding.
const normed = [reshape([1, 6, 6]), conv2d(3, { kernel: 3, bias: false }), batchNorm(), relu(), flatten(), dense(3)];
const dropping = [flatten(), dense(8), relu(), dropout(0.4), dense(3)];

const values = (tensors: ReadonlyMap<string, Tensor>, name: string) =>
  Array.from(tensors.get(name)?.data ?? [], Number);

describe('batch norm', () => {
  test('agrees with the float64 interpreter, buffers too, and evaluates by its running statistics', async () => {
    const source = recipe(normed);
    const job = jobFor(source, 10);
    const [runner, reference] = [await runnerFor(source), await interpretedRunner(source)];
    const trained = await runner.train(job);
    expect(worstError(trained.parameters, (await reference.train(job)).parameters)).toBeLessThan(2e-5);
    expect(values(trained.parameters, '2.running_mean')).not.toEqual([0, 0, 0]);
    const evaluate = (parameters: ReadonlyMap<string, Tensor>) => runner.evaluate({ ...job, parameters });
    const shifted = new Map(trained.parameters).set('2.running_mean', floats([3], [9, 9, 9]));
    expect((await evaluate(shifted)).sums.loss).not.toBe((await evaluate(trained.parameters)).sums.loss);
  });

  test.each([1, 5])(
    'padding counts in nothing: %d samples in a batch of their own, or with three places of padding',
    async (count) => {
      const job = jobFor(recipe(normed, count), count);
      const exact = await (await runnerFor(recipe(normed, count))).train(job);
      const width = count + 3;
      const rows = Array.from(job.order.data as BigInt64Array);
      const padded = Array.from({ length: 2 }, (_, step) => [
        ...rows.slice(step * count, (step + 1) * count),
        -1n,
        -1n,
        -1n,
      ]);
      const order: Tensor = { dtype: 'int64', shape: [2, width], data: BigInt64Array.from(padded.flat()) };
      const wide = await (await runnerFor(recipe(normed, width))).train({ ...job, order });
      expect(worstError(wide.parameters, exact.parameters)).toBeLessThan(1e-5);
      for (const { data } of exact.parameters.values())
        expect(data.every((value) => Number.isFinite(Number(value)))).toBe(true);
    },
  );

  test('of one value for each channel gives its bias, and leaves its running variance', async () => {
    const source = recipe([flatten(), batchNorm(), dense(3)], 1);
    const trained = await (await runnerFor(source)).train(jobFor(source, 1));
    const variance = values(trained.parameters, '1.running_var');
    expect(variance).toEqual(variance.map(() => 1));
  });

  test('the same wherever calls are cut', async () => {
    const source = recipe(normed);
    const job = jobFor(source, 10);
    const whole = await (await runnerFor(source)).train(job);
    const cut = await runnerFor(source, { now: slowClock(() => 1e9) });
    for (let run = 0; run < 2; run++) expectEqualResults(await cut.train(job), whole);
  });
});

describe('numbers that layers draw', () => {
  test('are the stream’s, the same wherever calls are cut', async () => {
    const source = recipe(dropping);
    const job = jobFor(source, 10);
    const drawing = (seed: number) => ({ ...job, random: testRandom(seed) });
    const whole = await (await runnerFor(source)).train(drawing(7));
    const cut = await runnerFor(source, { now: slowClock(() => 1e9) });
    for (let run = 0; run < 2; run++) expectEqualResults(await cut.train(drawing(7)), whole);
    expect((await cut.train(drawing(8))).parameters).not.toEqual(whole.parameters);
    const reference = await (await interpretedRunner(source)).train(drawing(7));
    expect(worstError(whole.parameters, reference.parameters)).toBeLessThan(2e-5);
  });

  test('are in the manifest, and a job without a stream is refused', async () => {
    const source = recipe(dropping);
    const plan = compilePlan(source);
    expect(decodePlan(plan.bytes).manifest.random).toEqual([{ name: 'uniform0', shape: [8] }]);
    expect(compilePlan(recipe(normed)).manifest.random).toBeUndefined();
    const runner = await runnerFor(source);
    expect(runner.trainsTogether).toBe(false);
    await expect(runner.train(jobFor(source, 10))).rejects.toMatchObject({ code: 'plan.input' });
  });

  test('drop nothing in evaluation', async () => {
    const source = recipe(dropping);
    const job = jobFor(source, 10);
    const plain = await runnerFor(recipe([flatten(), dense(8), relu(), reshape([8]), dense(3)]));
    const named = new Map([...job.parameters].map(([name, tensor]) => [name, tensor]));
    const runner = await runnerFor(source);
    expect(await runner.evaluate({ ...job, parameters: named })).toEqual(
      await plain.evaluate({ ...job, parameters: named }),
    );
  });
});

describe('a layer of one’s own', () => {
  const keeping = (result: (x: LayerResult['output']) => unknown): Layer =>
    defineLayer({
      kind: 'keeping',
      build: (inputShape) => ({
        outputShape: inputShape,
        parameters: [{ name: 'steps', shape: [], role: 'buffer', initialize: filled([], 0) }],
        apply: (g, x, _params, context) =>
          context.training
            ? { output: x, buffers: new Map([['steps', g.add(context.step(), 1)]]) }
            : (result(x) as LayerResult),
      }),
    });

  test('counts its steps over all calls', async () => {
    const source = recipe([flatten(), keeping((output) => output), dense(3)]);
    const runner = await runnerFor(source, { now: slowClock(() => 1e9) });
    for (let run = 0; run < 2; run++) {
      const trained = await runner.train(jobFor(source, 10));
      expect([values(trained.parameters, '1.steps'), trained.stepCount]).toEqual([[6], 6]);
    }
  });

  test.each([
    [
      'a buffer that it does not have',
      (output: LayerResult['output']) => ({ output, buffers: new Map([['other', output]]) }),
      /other, which is no buffer/,
    ],
    [
      'a buffer of another shape',
      (output: LayerResult['output']) => ({ output, buffers: new Map([['steps', output]]) }),
      /its buffer steps; it must be of shape \[\]/,
    ],
    ['buffers that are no Map', (output: LayerResult['output']) => ({ output, buffers: {} }), /buffers a Map/],
  ])('is refused with %s', (_, result, message) => {
    const broken = () => compilePlan(recipe([flatten(), keeping(result), dense(3)]));
    expect(broken).toThrow(message);
    expect(broken).toThrow(expect.objectContaining({ code: 'layer.definition' }));
  });

  test.each(['uniform', 'step'] as const)(
    'that asks for %s() in evaluation is told to ask for training first',
    (method) => {
      const asking = defineLayer({
        kind: 'asking',
        build: (inputShape) => ({
          outputShape: inputShape,
          parameters: [],
          apply: (g, x, _params, context) => g.mul(x, method === 'step' ? context.step() : context.uniform(inputShape)),
        }),
      });
      expect(() => compilePlan(recipe([flatten(), asking, dense(3)]))).toThrow(
        /asked for \w+\(\) in evaluation.*context\.training/,
      );
    },
  );
});
