import { describe, expect, it } from 'vitest';
import { JobSignal } from '../compute/cancel-signal.js';
import type { ClientEvaluation, ClientExecutor, EvaluateJob } from '../compute/executor.js';
import { clientIndex } from '../core/brands.js';
import type { Evaluation } from '../core/evaluation.js';
import type { Evaluations } from '../protocol/messages.js';
import { Evaluating } from './evaluating.js';
import type { Job } from './job-queue.js';
import { modelOf } from './testing/host-under-test.js';

const found = (sum: number): Evaluation => ({ sampleCount: 1, statistics: { score: { sum, weight: 1 } } });
const model = { hash: modelOf(0).version.hash, bytes: modelOf(0).body, tensors: new Map() };
const request = (round: number, from: number, count: number) =>
  ({ type: 'evaluate', round, clients: [{ from, count }], model: modelOf(0).version }) as const;

function evaluatingWith(
  evaluate: (job: EvaluateJob) => readonly ClientEvaluation[] | Promise<readonly ClientEvaluation[]>,
  evaluationGroup = 1,
) {
  const sent: Evaluations[] = [];
  const failed: [number, string][] = [];
  const executor = { evaluationGroup, evaluate: async (job: EvaluateJob) => evaluate(job) } as ClientExecutor;
  const evaluating = new Evaluating({
    executor,
    stateOf: async () => undefined,
    allows: () => true,
    send: (message) => sent.push(message),
    onFailed: (_, client, error) => failed.push([client, String(error)]),
  });
  const run = (job: Job, signal = new JobSignal()) => evaluating.run(job, model, signal);
  return { evaluating, sent, failed, run };
}

const all =
  (evaluation: Evaluation | null) =>
  ({ clients }: EvaluateJob): ClientEvaluation[] =>
    clients.map((client) => ({ client, evaluation }));

describe('Evaluating', () => {
  it('makes jobs of as many clients as the executor likes', () => {
    const { evaluating } = evaluatingWith(all(null), 3);
    const jobs = evaluating.jobsFor({
      ...request(2, 4, 7),
      clients: [
        { from: 4, count: 7 },
        { from: 20, count: 1 },
      ],
    });
    expect(jobs.map(({ clients }) => clients)).toEqual([[4, 5, 6], [7, 8, 9], [10], [20]]);
    expect(jobs[0]).toMatchObject({ kind: 'evaluate', task: 2, base: modelOf(0).version });
  });

  it('gathers results, sends them when it has many or is told to, and says of clients without samples that they have none', async () => {
    const { evaluating, sent, run } = evaluatingWith(all(found(1)));
    for (const job of evaluating.jobsFor(request(0, 0, 70))) await run(job);
    expect(sent.map(({ entries }) => entries.length)).toEqual([64]);
    evaluating.flush();
    evaluating.flush();
    expect(sent.map(({ round, entries }) => [round, entries.length])).toEqual([
      [0, 64],
      [0, 6],
    ]);
    const none = evaluatingWith(all(null));
    for (const job of none.evaluating.jobsFor(request(0, 3, 1))) await none.run(job);
    none.evaluating.flush();
    expect(none.sent[0]?.entries).toEqual([{ client: 3, sampleCount: 0, statistics: {} }]);
  });

  it('lets go of what was gathered or is under way when another round is asked for, when it was cancelled, and when the line broke', async () => {
    let end: (evaluations: ClientEvaluation[]) => void = () => {};
    const waiting = () => new Promise<ClientEvaluation[]>((resolve) => (end = resolve));
    const { evaluating, sent, run } = evaluatingWith(waiting);
    const result = [{ client: clientIndex(0), evaluation: found(1) }];
    const runThrough = async (during: (signal: JobSignal) => void) => {
      const [job] = evaluating.jobsFor(request(0, 0, 1));
      const signal = new JobSignal();
      const running = job && run(job, signal);
      await Promise.resolve();
      during(signal);
      end(result);
      await running;
    };
    await runThrough(() => evaluating.jobsFor(request(1, 0, 1)));
    await runThrough((signal) => signal.abort());
    await runThrough(() => {});
    evaluating.drop();
    await runThrough(() => {});
    evaluating.jobsFor(request(1, 0, 1));
    evaluating.flush();
    expect(sent).toEqual([]);
    await runThrough(() => {});
    // Asked again for the same round: what was gathered is of it.
    evaluating.jobsFor(request(0, 1, 1));
    evaluating.flush();
    expect(sent.map(({ round, entries }) => [round, entries.length])).toEqual([[0, 1]]);
  });

  it.each<[string, ClientEvaluation, RegExp]>([
    ['an error', { client: clientIndex(1), error: new Error('broken') }, /broken/],
    [
      'no whole sample count',
      { client: clientIndex(1), evaluation: { ...found(1), sampleCount: 1.5 } },
      /sample count of 1.5/,
    ],
    [
      'too many results',
      {
        client: clientIndex(1),
        evaluation: { ...found(1), results: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`r${i}`, 1])) },
      },
      /65 results; at most 64 travel/,
    ],
  ])('%s costs that client alone', async (_, spoilt, text) => {
    const { evaluating, sent, failed, run } = evaluatingWith(
      () => [spoilt, { client: clientIndex(2), evaluation: found(1) }],
      2,
    );
    for (const job of evaluating.jobsFor(request(0, 1, 2))) await run(job);
    evaluating.flush();
    expect(sent.flatMap(({ entries }) => entries.map(({ client }) => client))).toEqual([2]);
    expect(failed).toEqual([[1, expect.stringMatching(text)]]);
  });

  it.each<[string, Evaluation, Record<string, RegExp>]>([
    ['a sum that is not finite', found(Number.NaN), { score: /is NaN/ }],
    [
      'a weight of nothing',
      { sampleCount: 1, statistics: { score: { sum: 1, weight: 0 } } },
      { score: /the weight 0/ },
    ],
    ['a nameless result', { ...found(1), results: { '': 1 } }, { '()': /no name/ }],
    [
      'a list beyond the limit',
      { ...found(1), results: { long: new Array(5000).fill(1) } },
      { long: /a list of 5000; at most/ },
    ],
  ])('%s costs its name alone, and travels with why', async (_, evaluation, why) => {
    const { evaluating, sent, failed, run } = evaluatingWith(() => [{ client: clientIndex(1), evaluation }]);
    for (const job of evaluating.jobsFor(request(0, 1, 1))) await run(job);
    evaluating.flush();
    const [entry] = sent.flatMap(({ entries }) => entries);
    expect(entry).toMatchObject({ client: 1, sampleCount: evaluation.sampleCount });
    for (const [name, reason] of Object.entries(why)) {
      expect(entry?.unsound?.[name]).toMatch(reason);
      expect({ ...entry?.statistics, ...entry?.results }).not.toHaveProperty(name);
    }
    expect(failed).toEqual([]);
  });

  it('cuts long results into messages that the protocol takes', async () => {
    const results = { curve: Array.from({ length: 4000 }, (_, i) => i / 7) };
    const { evaluating, sent, run } = evaluatingWith(all({ ...found(1), results }));
    for (const job of evaluating.jobsFor(request(0, 0, 12))) await run(job);
    evaluating.flush();
    expect(sent.length).toBeGreaterThan(1);
    expect(sent.flatMap(({ entries }) => entries.map(({ client }) => client))).toEqual(
      Array.from({ length: 12 }, (_, i) => i),
    );
    for (const message of sent) expect(JSON.stringify(message).length).toBeLessThan(512 << 10);
  });
});
