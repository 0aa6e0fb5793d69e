import {
  accuracy,
  arrays,
  defineTask,
  dense,
  type RoundRecord,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
  type Task,
  type Trainer,
} from 'fedloom';
import { describe, expect, it } from 'vitest';

type Tested = Awaited<ReturnType<Trainer['test']>>;

/** A task whose clients, and whose server (-1), test as they are told; what they give need not be what a test must give. */
function taskOf(test: (client: number) => unknown, more: Partial<Parameters<typeof defineTask>[0]> = {}): Task {
  return defineTask({
    name: 'tests',
    trainer: ({ index }) => ({
      getModelParams: () => ({ w: Float32Array.of(1) }),
      setModelParams() {},
      train: () => ({ sampleCount: 1 }),
      test: () => test(index) as Tested,
    }),
    ...more,
  } as Parameters<typeof defineTask>[0]);
}

interface Ran {
  readonly record: RoundRecord;
  readonly warnings: readonly string[];
}

async function run(task: Task, rounds = 1): Promise<Ran> {
  const warnings: string[] = [];
  const records: RoundRecord[] = [];
  const started = simulate(task, { clients: 4, clientsPerRound: 2, rounds, workers: 1 });
  started.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));
  started.on('round', (record) => records.push(record));
  await started.result;
  const [record] = records;
  if (record === undefined) throw new Error('there is no round');
  return { record, warnings };
}

const nothing = { sampleCount: 0, results: {} };
const only =
  (results: unknown, of = 2) =>
  (client: number) =>
    client < 0 ? nothing : { sampleCount: 10, results: client === of ? results : { acc: 0.5, loss: 1 } };

describe('the test results of one client', () => {
  it('that are not finite cost their name alone, of that client alone', async () => {
    const { record, warnings } = await run(taskOf(only({ acc: Number.NaN, loss: 5 })));
    expect(record.clientMetrics).toEqual({ acc: 0.5, loss: 2 });
    expect(record.evaluation).toEqual({
      clients: { acc: 3, loss: 4 },
      unsound: [{ client: 2, result: 'acc', reason: 'is NaN' }],
      unsoundCount: 1,
      untested: [],
    });
    expect(warnings).toEqual(['evaluation.unsound: Left out of the results of round 1: "acc" of client 2 is NaN.']);
  });

  it('that have another form than those of most are left out, though they come first', async () => {
    const { record, warnings } = await run(taskOf(only({ acc: [0.5], loss: 1 }, 0)));
    expect(record.clientMetrics).toEqual({ acc: 0.5, loss: 1 });
    expect(record.evaluation).toMatchObject({ clients: { acc: 3, loss: 4 }, unsound: [{ client: 0, result: 'acc' }] });
    expect(warnings.join()).toMatch(/"acc" of client 0 is a list of 1, where 3 other clients give a number/);
  });

  it.each([
    [[0.4, 0.9], /client 2: .*gave \[0.4,0.9\] as results; they must be an object/],
    ['good', /client 2: .*gave "good" as results/],
  ])('that are %o cost that client its evaluation', async (results, message) => {
    const { record, warnings } = await run(taskOf(only(results)));
    expect(record.clientMetrics).toEqual({ acc: 0.5, loss: 1 });
    expect(record.evaluation?.clients).toEqual({ acc: 3, loss: 3 });
    expect(warnings.join()).toMatch(message);
  });

  it.each([1e12, 0.5, -1, '10'])('of %o samples cost that client its evaluation', async (sampleCount) => {
    const test = (client: number) =>
      client < 0 ? nothing : { sampleCount: client === 2 ? sampleCount : 10, results: { acc: client === 2 ? 1 : 0.5 } };
    const { record, warnings } = await run(taskOf(test));
    expect(record).toMatchObject({ clientMetrics: { acc: 0.5 }, testSampleCount: 30 });
    expect(warnings.join()).toMatch(/Evaluation of round 1 lacks client 2: .*sample count/);
  });

  it('on no samples are reported as not evaluated, once', async () => {
    const test = (client: number) => (client < 0 || client > 1 ? nothing : { sampleCount: 10, results: { acc: 0.5 } });
    const { record, warnings } = await run(taskOf(test), 3);
    expect(record.evaluation).toMatchObject({ clients: { acc: 2 }, untested: [{ from: 2, count: 2 }] });
    expect(warnings).toEqual(['evaluation.untested: Clients 2-3 have no test samples, and are not evaluated.']);
  });

  it('that are nothing at all cost that client its evaluation', async () => {
    const { record, warnings } = await run(
      taskOf((client) => (client < 0 ? nothing : client === 2 ? undefined : { sampleCount: 1, results: { acc: 1 } })),
    );
    expect(record.evaluation?.clients).toEqual({ acc: 3 });
    expect(warnings.join()).toMatch(/client 2: .*returned undefined from test: it must be \{ sampleCount, results \}/);
  });
});

describe('the server’s own test', () => {
  const clients = { sampleCount: 10, results: { acc: 0.5 } };

  it.each<[unknown, string]>([
    [Number.NaN, 'is NaN'],
    ['much', 'is "much"'],
  ])('a metric that is %o is left out and told', async (value, reason) => {
    const test = (client: number) => (client < 0 ? { sampleCount: 5, results: { acc: value, f1: 0.25 } } : clients);
    const { record, warnings } = await run(taskOf(test));
    expect(record).toMatchObject({ metrics: { f1: 0.25 }, clientMetrics: { acc: 0.5 } });
    expect(record.evaluation?.unsound).toEqual([{ client: null, result: 'acc', reason }]);
    expect(warnings).toEqual([
      `evaluation.unsound: Left out of the results of round 1: "acc" of the server ${reason}.`,
    ]);
  });

  it('an exception costs the round its results of it, not the run', async () => {
    const test = (client: number) => {
      if (client < 0) throw new Error('no such file');
      return clients;
    };
    const { record, warnings } = await run(taskOf(test), 2);
    expect(record).toMatchObject({ metrics: { acc: 0.5 }, clientMetrics: { acc: 0.5 } });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/^evaluation.server-failed: .*round 1.*no such file/);
  });

  it('a loss that is not finite in every round fails the run', async () => {
    const test = (client: number) => (client < 0 ? { sampleCount: 5, results: { loss: Infinity } } : clients);
    await expect(run(taskOf(test))).rejects.toMatchObject({ code: 'round.void' });
  });
});

describe('a result aggregator', () => {
  const test = (client: number) => (client < 0 ? nothing : { sampleCount: 10, results: { acc: client / 10 } });

  it('gives names of its own, from all clients, and those that clients gave, from those', async () => {
    const { record } = await run(
      taskOf(test, {
        resultAggregator: {
          aggregate: (_round, results) => ({
            acc: 1,
            worst: Math.min(...[...results.values()].map((one) => Number(one.results.acc))),
          }),
        },
      }),
    );
    expect(record.clientMetrics).toEqual({ acc: 1, worst: 0 });
    expect(record.evaluation?.clients).toEqual({ acc: 4, worst: 4 });
  });

  it('loses the names alone of which it makes nothing sound', async () => {
    const { record, warnings } = await run(
      taskOf(test, {
        resultAggregator: { aggregate: async () => ({ mean: 0.5, bad: Number.NaN, text: 'x' as unknown as number }) },
      }),
    );
    expect(record.clientMetrics).toEqual({ mean: 0.5 });
    expect(warnings.join()).toMatch(
      /aggregator failed in round 1: its "bad" is NaN, its "text" is "x"; such names are left out/,
    );
  });

  it('sees only results that are sound', async () => {
    const seen: unknown[] = [];
    await run(
      taskOf(only({ acc: Number.NaN, loss: 5 }), {
        resultAggregator: { aggregate: (_round, results) => ({ seen: seen.push(results.get(2)?.results) }) },
      }),
    );
    expect(seen).toEqual([{ loss: 5 }]);
  });
});

it('a task without test samples says so at the start, and which of its metrics never appeared at the end', async () => {
  const task = defineTask({
    name: 'untested',
    data: arrays({ train: { x: [[1], [2], [3], [4]], y: [0, 1, 0, 1] }, classes: 2 }),
    model: sequential([dense(2)]),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs: 1, batchSize: 1, optimizer: sgd({ learningRate: 0.1 }) },
  });
  const { record, warnings } = await run(task);
  expect(record).toMatchObject({ metrics: null, clientMetrics: null });
  expect(warnings.map((warning) => warning.split(':')[0])).toEqual([
    'evaluation.no-data',
    'evaluation.untested',
    'evaluation.never',
  ]);
  expect(warnings[0]).toMatch(/"untested" have no test split/);
  expect(warnings[2]).toMatch(/No round has a value of accuracy/);
});
