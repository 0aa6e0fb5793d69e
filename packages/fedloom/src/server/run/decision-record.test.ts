import { describe, expect, it } from 'vitest';
import { buffered } from '../schedule/buffered.js';
import { resumePoint } from '../schedule/resume.js';
import { Driver, fixedOrder, only } from '../schedule/testing/driver.js';
import type { RoundDecision } from '../schedule/types.js';
import { decisionOf, roundRecord, virtualTimeOf } from './decision-record.js';

/** A run with all that can happen: replacements, a void round, clients that train on. */
function decisions(): RoundDecision[] {
  const schedule = buffered({ concurrency: 3, bufferSize: 2, sampler: fixedOrder(0, 1, 2, 3, 4, 5) });
  const driver = new Driver({ clients: 6, rounds: 9, evaluateOnClients: false, schedule });
  driver.join('a', 0, 1, 2, 3, 4, 5);
  driver.failed(0);
  for (const client of [1, 2]) driver.update(client);
  driver.aggregated(0);
  for (const client of [3, 4]) driver.update(client);
  driver.voided(1);
  driver.persisted(1);
  return only(driver.log, 'persist').map(({ type: _, ...decision }) => decision);
}

/** As it comes back from a disk. */
function stored<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

describe('the record of a round', () => {
  it('keeps all that a run needs to go on', () => {
    const all = decisions();
    expect(all).toHaveLength(2);
    const back = all.map((decision) => decisionOf(stored(roundRecord(decision, null))));
    const point = resumePoint(back);
    const expected = resumePoint(all);
    const reasons = (of: typeof point) => [...of.settled].map(([client, { reason: _, ...rest }]) => [client, rest]);
    expect({ ...point, settled: reasons(point) }).toEqual({ ...expected, settled: reasons(expected) });
    expect(point).toMatchObject({ firstRound: 2, version: 1, voidInARow: 1 });
    expect(point.ongoing.length).toBeGreaterThan(0);
  });

  it('says what was void, refused and replaced, by code', () => {
    const [first, second] = decisions().map((decision) => roundRecord(decision, { loss: 1 }));
    expect(first).toMatchObject({
      outcome: 'counted',
      refused: [{ client: 0, task: 0, attempt: 0, code: 'train.failed' }],
      replaced: [{ client: 0, by: 3, code: 'train.failed' }],
      serverResults: { loss: 1 },
    });
    expect(second).toMatchObject({ outcome: 'void', counted: [], reason: { code: 'model.not-finite' } });
  });

  it('keeps the virtual clock where there is one', () => {
    const [decision] = decisions();
    if (decision === undefined) throw new Error('there is a round');
    const time = { now: 1.5, asks: [{ client: 3, task: 0, dueAt: 2.25 }] };
    expect(virtualTimeOf(stored(roundRecord(decision, null, time)))).toEqual(time);
    expect(virtualTimeOf(stored(roundRecord(decision, null)))).toBeUndefined();
  });

  it.each([
    ['nothing', undefined],
    ['a number', 3],
    ['other fields', { position: 0, started: [[1, 2]] }],
    ['words', { position: 'first', started: [] }],
  ])('with %s for its schedule is refused, naming the round', (_, schedule) => {
    const [decision] = decisions();
    if (decision === undefined) throw new Error('there is a round');
    const { schedule: __, ...record } = roundRecord(decision, null);
    expect(() => decisionOf({ ...record, ...(schedule !== undefined && { schedule }) })).toThrowError(
      expect.objectContaining({ code: 'journal.schedule', message: expect.stringContaining('round 1') }),
    );
  });
});
