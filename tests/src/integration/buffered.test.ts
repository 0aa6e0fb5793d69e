import {
  createServer,
  defineTask,
  type FederatedAlgorithm,
  fedAsync,
  fedAvg,
  fedBuff,
  joinFederation,
  type RoundRecord,
  simulate,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { virtualDuration } from '../../../packages/fedloom/dist/server/schedule/virtual-clock.js';
import { clouds, logisticRegression } from './logistic-regression.js';

const SEED = 3;
/** Every fourth client is ten times slower than the others. */
const speed = (client: number) => (client % 4 === 3 ? 0.1 : 1);

function task(algorithm: FederatedAlgorithm) {
  const { kind: _kind, ...definition } = logisticRegression(algorithm, clouds());
  return defineTask({ ...definition, speed });
}

async function roundsOf(
  algorithm: FederatedAlgorithm,
  options: { workers: number; rounds: number; perRound?: number },
) {
  const { workers, rounds, perRound = 6 } = options;
  const run = simulate(task(algorithm), { clients: 16, clientsPerRound: perRound, rounds, seed: SEED, workers });
  const records: RoundRecord[] = [];
  for await (const record of run) records.push(record);
  return { records, result: await run.result };
}

/** What rounds would take by the same clock: each as long as its slowest client. */
function timeOfRounds(records: readonly RoundRecord[]): number[] {
  let now = 0;
  return records.map(({ round, counted }) => {
    now += Math.max(...counted.map((client) => virtualDuration(SEED, client, round, speed(client))));
    return now;
  });
}

describe.each([fedBuff({ bufferSize: 4 }), fedAsync()])('a simulated run of $name', (algorithm) => {
  it('does not depend on the workers: model, records and virtual times are equal', async () => {
    const one = await roundsOf(algorithm, { workers: 1, rounds: 12 });
    const two = await roundsOf(algorithm, { workers: 2, rounds: 12 });
    expect(two.result.modelHash).toBe(one.result.modelHash);
    const told = ({ records }: typeof one) => records.map(({ ms: _, bytesUp: __, bytesDown: ___, ...rest }) => rest);
    expect(told(two)).toEqual(told(one));
    const times = one.records.map(({ virtualTime }) => virtualTime ?? Number.NaN);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(one.records.some(({ counted }) => counted.length > 0)).toBe(true);
  });
});

describe('where clients differ tenfold in speed', () => {
  it('fedBuff reaches the target accuracy in less virtual time than rounds', async () => {
    const target = 0.9;
    const reached = (records: readonly RoundRecord[]) => {
      const at = records.findIndex(({ metrics }) => Number(metrics?.accuracy) >= target);
      expect(at).toBeGreaterThanOrEqual(0);
      return at;
    };
    const synchronous = await roundsOf(fedAvg(), { workers: 2, rounds: 30 });
    const buffered = await roundsOf(fedBuff({ bufferSize: 4 }), { workers: 2, rounds: 60 });
    const byRounds = timeOfRounds(synchronous.records)[reached(synchronous.records)] ?? Number.NaN;
    const byBuffer = buffered.records[reached(buffered.records)]?.virtualTime ?? Number.NaN;
    expect(byBuffer).toBeLessThan(byRounds);
  });

  it('updates older than stalenessMax are refused by name', async () => {
    const algorithm = fedBuff({ bufferSize: 2, stalenessMax: 1 });
    const run = simulate(task(algorithm), { clients: 16, clientsPerRound: 8, rounds: 20, seed: SEED });
    const refused = new Set<string>();
    run.on('refused', ({ code }) => refused.add(code));
    await run.result;
    expect([...refused]).toEqual(['update.stale']);
  });
});

it('over a network a buffered run ends too, with every version from its buffer', async () => {
  const algorithm = fedBuff({ bufferSize: 3 });
  const size = { clients: 8, clientsPerRound: 4, rounds: 6, seed: SEED };
  const server = await createServer(task(algorithm), size);
  const joined = joinFederation(server.url, { clients: [{ from: 0, count: 8 }], task: task(algorithm) });
  const records: RoundRecord[] = [];
  for await (const record of server) records.push(record);
  expect((await joined)?.reason).toBe('completed');
  expect(records.map(({ counted }) => counted.length)).toEqual([3, 3, 3, 3, 3, 3]);
  expect(records.map(({ version }) => version.number)).toEqual([1, 2, 3, 4, 5, 6]);
});

it('a buffer larger than the federation is refused at the start', async () => {
  const run = simulate(task(fedBuff({ bufferSize: 20 })), { clients: 16, clientsPerRound: 4, rounds: 2 });
  await expect(run.result).rejects.toMatchObject({
    code: 'coordinator.options',
    message: expect.stringMatching(/bufferSize/),
  });
});
