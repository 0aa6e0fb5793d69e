import {
  createServer,
  defineTask,
  type FederationServer,
  joinFederation,
  type RoundRecord,
  type RunOptions,
  simulate,
} from 'fedloom';
import { describe, expect, it, onTestFinished } from 'vitest';
import { logisticRegression } from './logistic-regression.js';
import { RawClient } from './raw-client.js';

const task = logisticRegression();

async function open(options: Pick<RunOptions, 'clients' | 'clientsPerRound' | 'rounds'> & Partial<RunOptions>) {
  const server = await createServer(task, options);
  onTestFinished(() => server.close());
  const records: RoundRecord[] = [];
  const warnings: string[] = [];
  server.run.on('round', (record) => records.push(record));
  server.run.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));
  return { server, records, warnings };
}

const inOrder = {
  name: 'in order',
  permutation: (_round: number, clients: number) => Int32Array.from({ length: clients }, (_, client) => client),
};

const honest = (server: FederationServer, from: number, count: number) =>
  joinFederation(server.url, { clients: [{ from, count }], task, workers: 1 });

describe('a client that is there and never answers', () => {
  it('costs the deadlines of rounds 1, 3 and 6 of six, and no others', async () => {
    const size = { clients: 3, clientsPerRound: 3, rounds: 6, quorum: 2 };
    const { server, records } = await open({ ...size, deadlineMs: 500 });
    await RawClient.join(server.url, 2);
    const joined = honest(server, 0, 2);
    await server.result;
    await joined;
    expect(records.map(({ counted }) => counted)).toEqual(new Array(6).fill([0, 1]));
    expect(records.map(({ uncounted }) => uncounted.map(({ code }) => code).join())).toEqual([
      'round.deadline',
      'client.silent',
      'round.deadline',
      'client.silent',
      'client.silent',
      'round.deadline',
    ]);
  });

  it('is not waited for beyond the deadline of evaluations, and not asked for the next ones', async () => {
    const size = { clients: 3, clientsPerRound: 2, rounds: 4, sampler: inOrder };
    const { server, warnings } = await open({ ...size, deadlineMs: 60_000, evaluationDeadlineMs: 400, farewellMs: 0 });
    const silent = await RawClient.enter(server.url);
    await silent.next('welcome');
    silent.send({ type: 'join', clients: [{ from: 2, count: 1 }] });
    await silent.next('joined');
    const joined = honest(server, 0, 2);
    await server.result;
    silent.kill();
    await joined;
    expect(warnings.filter((text) => text.startsWith('evaluation.missing'))).toEqual([
      'evaluation.missing: Evaluation of round 1 lacks client 2.',
      'evaluation.missing: Evaluation of round 3 lacks client 2.',
    ]);
  });

  it('and holds all indices, loses them to those who ask for them after the first deadline', async () => {
    const size = { clients: 3, clientsPerRound: 3, rounds: 2, quorum: 3 };
    const { server, records, warnings } = await open({ ...size, deadlineMs: 1500 });
    const squatter = await RawClient.join(server.url, 0, 3);
    await expect.poll(() => warnings.join('\n'), { timeout: 20_000 }).toMatch(/round\.extended/);
    const joined = honest(server, 0, 3);
    expect(await squatter.closed).toMatch(/join\.taken/);
    await server.result;
    await joined;
    expect(records.map(({ counted }) => counted)).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(warnings.filter((text) => text.startsWith('join.taken'))).toHaveLength(3);
  });
});

describe('over-selection', () => {
  it('takes the first that answer, and refuses by name what comes later', async () => {
    const { server, records } = await open({
      ...{ clients: 4, clientsPerRound: 2, rounds: 1, overSelect: 2, sampler: inOrder },
      deadlineMs: null,
    });
    const slow = await RawClient.join(server.url, 2, 2);
    const joined = honest(server, 0, 2);
    const asked = await slow.next('train');
    expect(asked.clients).toEqual([2, 3]);
    expect(await slow.next('settled')).toMatchObject({ clients: [2, 3], counted: false, code: 'round.closed' });
    await server.result;
    await joined;
    expect(records).toMatchObject([{ cohort: [0, 1, 2, 3], counted: [0, 1] }]);
  });

  it('in a simulation depends on the speed of clients, not on who computes first', async () => {
    const runOf = async (workers: number) => {
      const slow = defineTask({ ...task, speed: (client) => (client < 3 ? 0.1 : 1) });
      const run = simulate(slow, { clients: 10, clientsPerRound: 5, rounds: 5, overSelect: 1.6, workers });
      const counted: number[] = [];
      run.on('round', (record) => counted.push(...record.counted));
      return { hash: (await run.result).modelHash, counted };
    };
    const one = await runOf(1);
    expect(await runOf(2)).toEqual(one);
    expect(one.counted).toHaveLength(25);
    expect(one.counted.filter((client) => client < 3).length).toBeLessThan(3);
  });
});
