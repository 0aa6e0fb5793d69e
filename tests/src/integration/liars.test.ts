import {
  createServer,
  defineTask,
  joinFederation,
  type PlanTask,
  type RoundRecord,
  type RunOptions,
  simulate,
} from 'fedloom';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Lie, liar } from './liar.js';
import { logisticRegression } from './logistic-regression.js';

const task = logisticRegression();
const SIZE = { clients: 6, clientsPerRound: 6, rounds: 6 };
const LIAR = 5;
/** Finite, and more than any training survives. */
const HUGE: Lie = { value: 6.8e10, sampleCount: 1 };
/** Of a size that training comes to now and then, with the weight of a billion samples. */
const HEAVY: Lie = { value: 68, sampleCount: 1e9 };

/** The model that comes of it has no finite loss. */
const OVERFLOWING: Lie = { value: 3e38, sampleCount: 1000 };

/** Clients 0 to 4 train, client 5 lies from the first round to the last. */
async function attacked(lie: Lie, options: Partial<RunOptions> = {}, served: PlanTask = task) {
  const { model } = await simulate(task, { ...SIZE, rounds: 1 }).result;
  const server = await createServer(served, { ...SIZE, deadlineMs: null, ...options });
  onTestFinished(() => server.close());
  const records: RoundRecord[] = [];
  const refused: string[] = [];
  const warnings: string[] = [];
  server.run.on('round', (record) => records.push(record));
  server.run.on('refused', ({ client, code }) => refused.push(`${client} ${code}`));
  server.run.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));
  await liar(server.url, LIAR, model, lie);
  const honest = joinFederation(server.url, { clients: [{ from: 0, count: LIAR }], task, workers: 1 });
  const ended = await server.result.catch((error: unknown) => error);
  await honest;
  return { ended, records, refused, warnings };
}

/** What the honest come to without the liar, in as many rounds. */
async function honestly(rounds: number): Promise<number> {
  const { metrics } = await simulate(task, { ...SIZE, clients: LIAR, clientsPerRound: LIAR, rounds }).result;
  return metrics.accuracy as number;
}

describe('a client that lies in every round', () => {
  it('with values that are finite and huge costs the run its first round, by default, and is refused in all others', async () => {
    const { ended, records, refused, warnings } = await attacked(HUGE);
    expect(ended).toMatchObject({ status: 'completed', rounds: SIZE.rounds });
    const suspect = {
      client: LIAR,
      measure: 'trained',
      norm: expect.any(Number),
      times: expect.any(Number),
      sampleCount: 1,
    };
    expect(records[0]?.voided).toMatchObject({ code: 'aggregate.outliers', suspects: [suspect] });
    expect(warnings.join('\n')).toMatch(/round\.void: Round 1 changes nothing.*Suspicious: client 5: .* 1 sample\)/);
    for (const { counted, voided } of records.slice(1)) {
      expect(voided).toBeNull();
      expect(counted).toEqual([0, 1, 2, 3, 4]);
    }
    expect(refused[0]).toBe('5 update.norm');
    const { metrics } = ended as { metrics: { accuracy: number } };
    expect(metrics.accuracy).toBeGreaterThan((await honestly(SIZE.rounds - 1)) - 0.03);
  });

  it('with a billion samples is refused by the bounds that docs/security.md names, of the run or of its task', async () => {
    const bounded = defineTask({ ...task, bounds: { sampleCountMax: '10x', updateNormMax: 'none' } });
    const { ended, records, refused } = await attacked(HEAVY, { updateNormMax: '10x' }, bounded);
    expect(ended).toMatchObject({ status: 'completed' });
    expect(records.map(({ voided }) => voided?.code ?? null)).toEqual([
      'aggregate.outliers',
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(refused[0]).toBe('5 update.sample-count');
    const { metrics } = ended as { metrics: { accuracy: number } };
    expect(metrics.accuracy).toBeGreaterThan((await honestly(SIZE.rounds - 1)) - 0.03);
  });

  it('where nothing is bounded, makes two rounds void, and is in quarantine in the others', async () => {
    const { ended, records, warnings } = await attacked(OVERFLOWING, { updateNormMax: 'none' });
    expect(ended).toMatchObject({ status: 'completed' });
    expect(records.map(({ voided }) => voided?.suspects?.map(({ client }) => client))).toEqual([
      [LIAR],
      [LIAR],
      ...new Array(4).fill(undefined),
    ]);
    expect(records[1]?.quarantined).toEqual([{ client: LIAR, rounds: 4 }]);
    expect(warnings.join('\n')).toMatch(/client\.quarantined: Client 5 is not asked in rounds 3 to 6/);
    for (const { counted, uncounted } of records.slice(2)) {
      expect(counted).toEqual([0, 1, 2, 3, 4]);
      expect(uncounted).toEqual([{ client: LIAR, code: 'client.quarantined' }]);
    }
  });

  it('where nothing is bounded and nobody put into quarantine, ends the run with its name', async () => {
    const { ended, records, warnings } = await attacked(OVERFLOWING, { updateNormMax: 'none', quarantineAfter: null });
    expect(ended).toMatchObject({ code: 'round.void', message: expect.stringMatching(/Suspicious: client 5: /) });
    expect(records.map(({ voided }) => voided?.suspects?.map(({ client }) => client))).toEqual([[5], [5], [5]]);
    expect(warnings.filter((text) => /^round\.void.*client 5/.test(text))).toHaveLength(3);
  });
});
