import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import type { Results } from '../../core/records.js';
import { rounds } from '../schedule/rounds.js';
import { noPersistence, type Persistence } from './persistence.js';
import { federationUnderTest, type HandClient, until } from './testing/federation-under-test.js';

describe('a result aggregator that takes its time', () => {
  const evaluated = (client: HandClient, round: number, clients = 2) =>
    client.say({
      type: 'evaluations',
      round,
      entries: Array.from({ length: clients }, (_, at) => ({
        client: clientIndex(at),
        sampleCount: 1,
        statistics: {},
        results: { score: at },
      })),
    });
  const slow = () => {
    const answers: (() => void)[] = [];
    const aggregate = (round: number) =>
      new Promise<Results>((resolve) => answers.push(() => resolve({ answer: round })));
    return { answers, resultAggregator: { aggregate } };
  };
  const coordinator = { evaluateOnClients: true };

  it('keeps the next round from being decided, and the end from being told, until the round is on record', async () => {
    const { answers, resultAggregator } = slow();
    const decided: number[] = [];
    const persistence: Persistence = {
      ...noPersistence,
      decided: (tell) => {
        decided.push(tell().decision.round);
        return undefined;
      },
    };
    const { federation, records, enter } = federationUnderTest({ persistence, resultAggregator, coordinator });
    const client = await enter(0, 1);
    for (const round of [0, 1]) {
      await Promise.all([client.train(0, round, 1, 1), client.train(1, round, 1, 1)]);
      if (round === 0) {
        await until(() => client.types.includes('evaluate'));
        evaluated(client, 0);
        await until(() => answers.length === 1);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([decided, records.length]).toEqual([[0], 0]);
    answers[0]?.();
    await until(() => decided.length === 2);
    expect([decided, records[0]?.clientMetrics]).toEqual([[0, 1], { answer: 0 }]);
    evaluated(client, 1);
    await until(() => answers.length === 2);
    expect(client.types.includes('finish')).toBe(false);
    answers[1]?.();
    const result = await federation.result;
    expect([result.clientMetrics, records.map(({ round }) => round)]).toEqual([{ answer: 1 }, [0, 1]]);
  });

  it('keeps nobody from training from the version that is decided meanwhile', async () => {
    const { answers, resultAggregator } = slow();
    // Others each time: nobody is asked while an update of its own is not settled.
    const cohorts = [
      [0, 1],
      [2, 3],
      [0, 1],
    ];
    const sampler = {
      name: 'cohorts',
      permutation: (round: number) => Int32Array.of(...(cohorts[round] ?? []), ...(round === 1 ? [0, 1] : [2, 3])),
    };
    const { federation, records, enter } = federationUnderTest({
      resultAggregator,
      coordinator: { ...coordinator, clients: 4, rounds: 3, schedule: rounds({ clientsPerRound: 2, sampler }) },
    });
    const client = await enter(0, 1, 2, 3);
    const train = (round: number) => Promise.all((cohorts[round] ?? []).map((one) => client.train(one, round, 1, 1)));
    const asked = (count: number) => until(() => client.types.filter((type) => type === 'evaluate').length === count);
    for (const round of [0, 1]) {
      await train(round);
      await asked(round + 1);
      evaluated(client, round, 4);
    }
    await train(2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([records, answers.length]).toEqual([[], 1]);
    for (let at = 0; at < 2; at += 1) {
      await until(() => answers.length > at);
      answers[at]?.();
    }
    await asked(3);
    evaluated(client, 2, 4);
    await until(() => answers.length === 3);
    answers[2]?.();
    await federation.result;
    expect(records.map(({ counted }) => counted)).toEqual(cohorts);
  });

  it('is not waited for by a run that is cancelled', async () => {
    const { answers, resultAggregator } = slow();
    const { federation, records, enter } = federationUnderTest({ resultAggregator, coordinator });
    const client = await enter(0, 1);
    await Promise.all([client.train(0, 0, 1, 1), client.train(1, 0, 1, 1)]);
    await until(() => client.types.includes('evaluate'));
    evaluated(client, 0);
    await until(() => answers.length === 1);
    federation.cancel();
    expect((await federation.result).status).toBe('cancelled');
    answers[0]?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(records).toEqual([]);
  });
});
