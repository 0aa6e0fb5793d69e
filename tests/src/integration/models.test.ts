import {
  accuracy,
  arrays,
  auc,
  binaryAccuracy,
  binaryCrossEntropyWithLogits,
  defineTask,
  dense,
  embeddingBag,
  meanAbsoluteError,
  meanSquaredError,
  RandomStream,
  r2,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
} from 'fedloom';
import { describe, expect, it } from 'vitest';

const federation = { clients: 4, clientsPerRound: 4, rounds: 20, seed: 1 };

/** y = 2 x0 - x1 + 1, as a list of numbers. */
function line() {
  const random = RandomStream.of(5, 'line');
  const x = Array.from({ length: 200 }, () => [random.next() - 0.5, random.next() - 0.5] as const);
  const y = x.map(([a, b]) => 2 * a - b + 1);
  return defineTask({
    name: 'line',
    data: arrays({ train: { x, y }, test: { x, y } }),
    model: sequential([dense(1)]),
    loss: meanSquaredError(),
    metrics: [meanAbsoluteError(), r2()],
    training: { localEpochs: 2, batchSize: 10, optimizer: sgd({ learningRate: 0.3 }) },
  });
}

/** Texts of up to eight tokens, filled up with 0; of the label 1 where they hold the token 7. */
function texts() {
  const random = RandomStream.of(6, 'texts');
  const rows = Array.from({ length: 300 }, (_, row) => {
    const length = 1 + Math.floor(random.next() * 8);
    const tokens = Array.from({ length: 8 }, (_, at) => (at < length ? 1 + Math.floor(random.next() * 6) : 0));
    if (row % 2 === 1) tokens[0] = 7;
    return tokens;
  });
  const split = {
    x: { data: Int32Array.from(rows.flat()), shape: [300, 8] },
    y: rows.map((_, row) => row % 2),
  };
  return defineTask({
    name: 'texts',
    data: arrays({ train: split, test: split, classes: 2 }),
    model: sequential([embeddingBag(8, 16, { padding: 0 }), dense(1)]),
    loss: binaryCrossEntropyWithLogits(),
    metrics: [binaryAccuracy(), auc()],
    training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 1 }) },
  });
}

it('regression on targets that are single numbers learns the line', async () => {
  const { metrics } = await simulate(line(), { ...federation, workers: 1 }).result;
  expect(metrics.loss).toBeLessThan(1e-4);
  // Of a task's own metrics the compiler knows that they are numbers.
  const error: number | undefined = metrics.meanAbsoluteError;
  expect(error).toBeLessThan(1e-2);
  expect(metrics.r2).toBeGreaterThan(0.999);
  expect(metrics.r2).toBeLessThan(1);
});

it('a bag of tokens learns which token matters, and padding does not', async () => {
  const { metrics, clientMetrics } = await simulate(texts(), { ...federation, workers: 1 }).result;
  expect(metrics.binaryAccuracy).toBeGreaterThan(0.98);
  expect(metrics.auc).toBeGreaterThan(0.99);
  // The clients' test samples are all of the server's: histograms add up.
  expect(clientMetrics.auc).toBe(metrics.auc);
});

it.each([
  ['regression', line],
  ['texts', texts],
])('%s: one hash with one worker and with two, in threads and in processes', async (_, task) => {
  const short = { ...federation, rounds: 3 };
  const alone = await simulate(task(), { ...short, workers: 1 }).result;
  for (const pool of ['threads', 'processes'] as const) {
    expect((await simulate(task(), { ...short, workers: 2, pool }).result).modelHash).toBe(alone.modelHash);
  }
});

describe('what does not go together is refused with what to do', () => {
  const { data, training } = line();
  const labels = texts().data;
  const base = { name: 'wrong', data, training, model: sequential([dense(1)]), loss: meanSquaredError() };
  it.each([
    ['accuracy on numbers', { ...base, metrics: [accuracy()] }, /no number of classes.*meanAbsoluteError/],
    ['more outputs than targets', { ...base, model: sequential([dense(3)]) }, /gives \[3\].*y has \[\].*give \[1\]/],
    ['labels as numbers', { ...base, data: labels, model: sequential([dense(1)]) }, /labels of 2 classes/],
    [
      'a softmax over one output',
      { ...base, data: labels, loss: softmaxCrossEntropy() },
      /predictions of shape \[2\].*dense\(2\)/,
    ],
    [
      'accuracy of one output',
      { ...base, data: labels, loss: binaryCrossEntropyWithLogits(), metrics: [accuracy()] },
      /binaryAccuracy\(\)/,
    ],
  ])('%s', async (_, definition, message) => {
    const failed = simulate(defineTask(definition), { ...federation, workers: 1 }).result;
    await expect(failed).rejects.toMatchObject({ code: 'task.model-data', message: expect.stringMatching(message) });
  });

  it('a token that an embedding has no row for', async () => {
    const task = defineTask({ ...texts(), model: sequential([embeddingBag(5, 16, { padding: 0 }), dense(1)]) });
    const warnings: string[] = [];
    const run = simulate(task, { ...federation, rounds: 1, workers: 1 });
    run.on('warning', ({ message }) => warnings.push(message));
    await run.result.catch(() => {});
    expect(warnings.join('\n')).toMatch(/x holds the token [567].*rows 0 to 4.*vocabularySize/);
  });
});
