import { describe, expect, test } from 'vitest';
import type { GraphBackend } from '../backend.js';
import { dense } from '../layers/dense.js';
import { meanSquaredError } from '../layers/losses.js';
import { accuracy } from '../layers/metrics.js';
import { relu } from '../layers/relu.js';
import { sequential } from '../layers/sequential.js';
import type { Metric } from '../layers/types.js';
import { onnxRuntimeNode } from '../node/onnx-runtime-node.js';
import type { NamedTensors, Tensor } from '../tensor.js';
import { relativeError, worstError } from '../testing/compare.js';
import { testRandom } from '../testing/random.js';
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
import { expectEqualResults, interpretedRunner, jobFor, momentum, runnerFor, slowClock } from '../testing/runners.js';
import { compilePlan } from './compile.js';
import type { TrainJob, TrainResult } from './jobs.js';
import { PlanRunner } from './runner.js';

/** `slot/parameter` tensors of small numbers, shaped as the parameters. */
function slotTensors(slot: string, parameters: NamedTensors, seed: number): Map<string, Tensor> {
  const random = testRandom(seed);
  return new Map(
    [...parameters].map(([name, { shape, data }]) => [
      `${slot}/${name}`,
      { dtype: 'float32', shape, data: Float32Array.from({ length: data.length }, () => (random.next() - 0.5) / 10) },
    ]),
  );
}

function expectClose(actual: TrainResult, expected: TrainResult): void {
  expect(worstError(actual.parameters, expected.parameters)).toBeLessThan(2e-6);
  expect(worstError(actual.upload, expected.upload)).toBeLessThan(2e-5);
  expect(worstError(actual.state, expected.state)).toBeLessThan(2e-5);
  expect(relativeError([actual.meanLoss], [expected.meanLoss])).toBeLessThan(1e-6);
}

describe('ONNX Runtime against the float64 interpreter', () => {
  test.each([
    ['mlp', mlpRecipe()],
    ['cnn', cnnRecipe()],
    ['mlp with momentum and weight decay', mlpRecipe({ training: momentum })],
    ['mlp with a proximal term', mlpRecipe({ terms: proximalTerms(0.5) })],
    ['mlp with a proximal term and momentum', mlpRecipe({ terms: proximalTerms(0.5), training: momentum })],
    [
      'regression',
      mlpRecipe({
        model: sequential([dense(4), relu(), dense(2)]),
        data: { x: { dtype: 'float32', shape: [3] }, y: { dtype: 'float32', shape: [2] } },
        loss: meanSquaredError(),
        metrics: [],
      }),
    ],
    ['regression of single numbers', regressionRecipe()],
    ['texts', textRecipe()],
    ['language', languageRecipe()],
    ['recurrent layers', recurrentRecipe()],
    ['average pools', averagingRecipe()],
  ])('%s', async (_, source) => {
    const job = jobFor(source, 10);
    const runner = await runnerFor(source);
    const reference = await interpretedRunner(source);
    const trained = await runner.train(job);
    expectClose(trained, await reference.train(job));
    const evaluated = await runner.evaluate({ ...job, parameters: trained.parameters });
    const expected = await reference.evaluate({ ...job, parameters: trained.parameters });
    expect(Object.keys(evaluated.sums)).toEqual(Object.keys(expected.sums));
    expect(relativeError(Object.values(evaluated.sums), Object.values(expected.sums))).toBeLessThan(1e-6);
    expect(evaluated.sums.accuracy).toBe(expected.sums.accuracy);
    expect(Object.keys(evaluated.lists ?? {})).toEqual(Object.keys(expected.lists ?? {}));
    for (const [name, sums] of Object.entries(expected.lists ?? {})) {
      expect(relativeError(evaluated.lists![name]!, sums), name).toBeLessThan(1e-6);
    }
    expect(evaluated.sampleCount).toBe(10);
  });

  test('metrics that are computed in the loop beside those that are not', async () => {
    const margin: Metric = {
      name: 'margin',
      perSample: (g, prediction) => g.sub(g.max(prediction, [1]), g.mean(prediction, [1])),
    };
    const source = mlpRecipe({ metrics: [margin, accuracy()], evaluationBatchSize: 4 });
    const job = jobFor(source, 11);
    const evaluated = await (await runnerFor(source)).evaluate(job);
    const expected = await (await interpretedRunner(source)).evaluate(job);
    expect(Object.keys(evaluated.sums)).toEqual(['loss', 'margin', 'accuracy']);
    expect(relativeError(Object.values(evaluated.sums), Object.values(expected.sums))).toBeLessThan(1e-6);
    expect(evaluated.sums.accuracy).toBe(expected.sums.accuracy);
    const only = await runnerFor(mlpRecipe({ metrics: [accuracy()], evaluationBatchSize: 4 }));
    expect((await only.evaluate(job)).sums).toEqual({ loss: evaluated.sums.loss, accuracy: evaluated.sums.accuracy });
  });

  test.each([
    ['one sample', 1, 4],
    ['fewer samples than a batch', 3, 4],
    ['a last, smaller batch', 11, 4],
    ['batches that fit', 8, 4],
    ['batches of one', 3, 1],
    ['all samples in one batch', 7, 'all'],
  ] as const)('%s', async (_, sampleCount, batchSize) => {
    const source = mlpRecipe({ training: { ...mlpRecipe().training, batchSize } });
    const job = jobFor(source, sampleCount);
    const trained = await (await runnerFor(source)).train(job);
    expectClose(trained, await (await interpretedRunner(source)).train(job));
    const batch = batchSize === 'all' ? sampleCount : batchSize;
    expect(trained.stepCount).toBe(2 * Math.ceil(sampleCount / batch));
  });

  test('control variates: gradients with c - c_i, then uploads and new state', async () => {
    const source = mlpRecipe({ terms: controlVariateTerms });
    const base = jobFor(source, 10);
    const broadcast = slotTensors('c', base.parameters, 5);
    const job = { ...base, broadcast, state: slotTensors('ci', base.parameters, 6) };
    const runner = await runnerFor(source);
    const reference = await interpretedRunner(source);
    const trained = await runner.train(job);
    expectClose(trained, await reference.train(job));
    expect([...trained.upload.keys()]).toEqual([...base.parameters.keys()].map((name) => `delta/${name}`));
    expect([...trained.state.keys()]).toEqual([...base.parameters.keys()].map((name) => `ci/${name}`));
    // A client that has kept nothing yet starts from zero.
    const fresh = await runner.train({ ...base, broadcast });
    const zeros = new Map(
      [...job.state].map(([name, tensor]) => [name, { ...tensor, data: new Float32Array(tensor.data.length) }]),
    );
    expectEqualResults(fresh, await runner.train({ ...base, broadcast, state: zeros }));
  });
});

describe('what the gradient term does', () => {
  test('mu = 0 is plain training to the bit; a large mu holds the model near the global one', async () => {
    const plain = mlpRecipe();
    const job = jobFor(plain, 10);
    const runner = await runnerFor(mlpRecipe({ terms: proximalTerms(0.5) }));
    const expected = await (await runnerFor(plain)).train(job);
    const distance = ({ parameters }: TrainResult) => worstError(parameters, job.parameters);
    expectEqualResults(await runner.train({ ...job, scalars: { mu: 0 } }), expected);
    const held = await runner.train({ ...job, scalars: { mu: 5 } });
    expect(distance(held)).toBeLessThan(0.8 * distance(expected));
  });

  test('a scalar of the job replaces the default', async () => {
    const source = mlpRecipe();
    const runner = await runnerFor(source);
    const job = jobFor(source, 10);
    const still = await runner.train({ ...job, scalars: { learningRate: 0 } });
    expect(still.parameters).toEqual(job.parameters);
    expect(still.meanLoss).toBeGreaterThan(0);
  });
});

describe('cutting into calls', () => {
  test.each([
    ['mlp', mlpRecipe()],
    ['momentum', mlpRecipe({ training: momentum })],
    ['cnn', cnnRecipe()],
    ['texts', textRecipe()],
    ['control variates', mlpRecipe({ terms: controlVariateTerms })],
  ])('%s: the same bits however calls are cut, and over runs', async (_, source) => {
    const base = jobFor(source, 11);
    const job = { ...base, broadcast: slotTensors('c', base.parameters, 5) };
    const whole = await (await runnerFor(source)).train(job);
    let calls = 0;
    const counting = (backend: GraphBackend): GraphBackend => ({
      ...backend,
      load: async (onnx) => {
        const session = await backend.load(onnx);
        const run: typeof session.run = (feeds) => {
          calls++;
          return session.run(feeds);
        };
        return { ...session, run };
      },
    });
    const cut = await runnerFor(source, { now: slowClock(() => 1e9) }, counting);
    const evaluation = { ...job, parameters: whole.parameters };
    const expected = await cut.evaluate(evaluation);
    // The first job teaches the runner that one step is all that fits; the second is cut into single steps.
    expectEqualResults(await cut.train(job), whole);
    calls = 0;
    expectEqualResults(await cut.train(job), whole);
    expect(calls).toBeGreaterThanOrEqual(6);
    expect(await cut.evaluate(evaluation)).toEqual(expected);
    const uneven = await runnerFor(source, { now: slowClock((call) => (call % 3 === 0 ? 1e5 : 300)) });
    for (let run = 0; run < 3; run++) expectEqualResults(await uneven.train(job), whole);
  });

  test('evaluation: the same sums in one call and in many, whatever the batch', async () => {
    const source = mlpRecipe({ evaluationBatchSize: 4 });
    const job = jobFor(source, 30);
    const expected = await (await runnerFor(mlpRecipe())).evaluate(job);
    const whole = await (await runnerFor(source)).evaluate(job);
    expect(whole.sums.accuracy).toBe(expected.sums.accuracy);
    expect(relativeError([whole.sums.loss!], [expected.sums.loss!])).toBeLessThan(1e-6);
    const cut = await runnerFor(source, { now: slowClock(() => 1e9) });
    for (let run = 0; run < 2; run++) expect(await cut.evaluate(job)).toEqual(whole);
  });

  test('progress after each call; cancelled between calls; usable afterwards', async () => {
    const source = mlpRecipe();
    const runner = await runnerFor(source, { now: slowClock(() => 1e9) });
    const job = jobFor(source, 10);
    await runner.train(job);
    const progress: number[][] = [];
    const onProgress = (done: number, total: number) => progress.push([done, total]);
    await runner.train({ ...job, onProgress });
    expect(progress).toEqual([1, 2, 3, 4, 5, 6].map((done) => [done, 6]));
    const cancelled = runner.train({ ...job, onProgress, isCancelled: () => progress.length >= 8 });
    await expect(cancelled).rejects.toMatchObject({ code: 'plan.cancelled', fields: { stepsDone: 2, stepsTotal: 6 } });
    await expect(runner.evaluate({ ...job, isCancelled: () => true })).rejects.toMatchObject({
      code: 'plan.cancelled',
    });
    expect((await runner.train(job)).stepCount).toBe(6);
  });

  test('the event loop runs between calls', async () => {
    const source = mlpRecipe();
    const runner = await runnerFor(source, { now: slowClock(() => 1e9) });
    const job = jobFor(source, 10);
    await runner.train(job);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await runner.train(job);
    clearInterval(timer);
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});

describe('one job at a time', () => {
  test('an overlapping job is refused; after release every job is', async () => {
    const source = mlpRecipe();
    const runner = await runnerFor(source);
    const job = jobFor(source, 10);
    const first = runner.train(job);
    await expect(runner.evaluate(job)).rejects.toMatchObject({ code: 'plan.busy' });
    await first;
    await runner.release();
    await expect(runner.train(job)).rejects.toMatchObject({ code: 'plan.released' });
  });

  test('the job’s tensors are left as they were', async () => {
    const source = mlpRecipe({ training: momentum });
    const job = jobFor(source, 10);
    const copy = structuredClone(job.parameters);
    const runner = await runnerFor(source);
    const trained = await runner.train(job);
    expect(job.parameters).toEqual(copy);
    expect(trained.parameters).not.toEqual(copy);
    expectEqualResults(await runner.train(job), trained);
  });
});

describe('refuses what does not fit the plan', () => {
  const source = mlpRecipe({ terms: controlVariateTerms });
  const job = { ...jobFor(source, 5), broadcast: slotTensors('c', jobFor(source, 5).parameters, 5) };
  const { x, y, order, parameters } = job;
  const [firstName] = [...parameters.keys()];
  const without = (tensors: NamedTensors, name: string) => new Map([...tensors].filter(([key]) => key !== name));
  const rows = (...values: number[]) => ({
    ...order,
    shape: [1, values.length],
    data: BigInt64Array.from(values, BigInt),
  });

  test.each<[string, Partial<TrainJob>, RegExp]>([
    ['a missing parameter', { parameters: without(parameters, firstName!) }, /parameter 1.bias is missing/],
    [
      'a parameter of another shape',
      { parameters: new Map([...parameters, [firstName!, { ...parameters.get(firstName!)!, shape: [2, 4] }]]) },
      /1.bias is float32 \[2, 4\].*\[8\]/,
    ],
    ['another sample shape', { x: { ...x, shape: [5, 4, 9] } }, /uint8 \[5, 4, 9\].*uint8 \[n, 6, 6\]/],
    ['another sample dtype', { x: { ...x, dtype: 'float32', data: new Float32Array(x.data.length) } }, /x is float32/],
    ['too few elements', { x: { ...x, data: x.data.slice(1) } }, /179 elements.*180/],
    ['fewer labels than samples', { y: { ...y, shape: [4], data: y.data.slice(1) } }, /5 samples but y has 4/],
    [
      'a label that is no class',
      { y: { ...y, data: Int32Array.of(0, 1, 2, 3, 0) } },
      /sample 3 has the label 3.*0 to 2/,
    ],
    ['a negative label', { y: { ...y, data: Int32Array.of(0, -1, 2, 1, 0) } }, /sample 1 has the label -1/],
    ['a row beyond the samples', { order: rows(0, 5) }, /row 5.*0 to 4/],
    ['a row before the samples', { order: rows(0, -6) }, /row -6/],
    ['no rows', { order: { dtype: 'int64', shape: [0, 4], data: new BigInt64Array(0) } }, /nothing to train on/],
    ['a broadcast that is missing', { broadcast: without(job.broadcast, `c/${firstName}`) }, /c\/1.bias.*missing/],
    [
      'a state of another shape',
      { state: new Map([[`ci/${firstName}`, { dtype: 'float32', shape: [9], data: new Float32Array(9) }]]) },
      /ci\/1.bias.*\[9\]/,
    ],
  ])('%s', async (_, changes, message) => {
    const runner = await runnerFor(source);
    const attempt = runner.train({ ...job, ...changes } as TrainJob);
    await expect(attempt).rejects.toMatchObject({ code: 'plan.input' });
    await expect(runner.train({ ...job, ...changes } as TrainJob)).rejects.toThrow(message);
  });

  test('a graph that gives other outputs than its manifest promises', async () => {
    const plan = compilePlan(mlpRecipe());
    const swapped = { ...plan, train: plan.evaluate };
    const runner = await PlanRunner.create(onnxRuntimeNode(), swapped);
    await expect(runner.train(job)).rejects.toMatchObject({
      code: expect.stringMatching(/^(plan\.output|backend\.run)$/),
    });
    await runner.release();
  });
});
