import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import type { Results } from '../../core/records.js';
import { noPersistence, type Persistence } from './persistence.js';
import { federationUnderTest, type HandClient, until } from './testing/federation-under-test.js';

describe('a result aggregator that takes its time', () => {
  const evaluated = (client: HandClient, round: number) =>
    client.say({
      type: 'evaluations',
      round,
      entries: [0, 1].map((at) => ({
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
