import { describe, expect, it } from 'vitest';
import { clientIndex, versionNumber } from '../../core/brands.js';
import { buffered } from './buffered.js';
import { resumePoint, resumeState } from './resume.js';
import { Driver, fixedOrder, only, withRounds } from './testing/driver.js';
import type { RoundDecision } from './types.js';

const inRounds = withRounds({
  clients: 4,
  clientsPerRound: 2,
  rounds: 3,
  evaluateOnClients: false,
  sampler: fixedOrder(0, 1, 2, 3),
});
const inBuffers = {
  clients: 4,
  rounds: 5,
  evaluateOnClients: false,
  schedule: buffered({ concurrency: 2, bufferSize: 1, sampler: fixedOrder(0, 1, 2, 3) }),
};

function decisionsOf(driver: Driver): RoundDecision[] {
  return only(driver.log, 'persist').map(({ type: _, ...decision }) => decision);
}

/** The server died; all clients come back. */
function restart(options: typeof inRounds, decisions: readonly RoundDecision[], firstAttempt = 100): Driver {
  const resumed = { ...options, firstAttempt };
  return new Driver(resumed, resumeState(resumed, resumePoint(decisions)));
}

describe('resuming', () => {
  it('goes on with the round after the last that is on the disk, under attempts of its own', () => {
    const driver = new Driver(inRounds);
    driver.join('a', 0, 1, 2, 3);
    for (const client of [0, 1]) driver.update(client);
    driver.aggregated();
    const again = restart(inRounds, decisionsOf(driver));
    expect(again.join('b', 0, 1, 2, 3)).toMatchObject([
      { type: 'acceptJoin' },
      { type: 'settle', task: 0, attempt: 0, counted: true, clients: [0, 1] },
      { type: 'configure', base: 1, task: 1, attempt: 100, clients: [0, 1] },
    ]);
  });

  it('begins anew when nothing was written', () => {
    const point = resumePoint([]);
    expect(point).toMatchObject({ firstRound: 0, ongoing: [], position: 0, voidInARow: 0 });
    expect(only(restart(inRounds, []).join('b', 0, 1, 2, 3), 'configure')).toMatchObject([{ task: 0, attempt: 100 }]);
  });

  it('takes an update that was made before the server died, from the same version', () => {
    const driver = new Driver(inRounds);
    driver.join('a', 0, 1, 2, 3);
    const again = restart(inRounds, []);
    again.join('b', 0, 1, 2, 3);
    expect(only(again.update(0, { attempt: 0 }), 'fold')).toMatchObject([{ client: 0, attempt: 0 }]);
    again.update(1);
    expect(only(again.aggregated(), 'settle')).toMatchObject([
      { clients: [0], attempt: 0, counted: true },
      { clients: [1], attempt: 100, counted: true },
    ]);
  });

  it('tells again that an update did not count, and counts void rounds on', () => {
    const driver = new Driver({ ...inRounds, voidRoundsMax: 2 });
    driver.join('a', 0, 1, 2, 3);
    for (const client of [0, 1]) driver.update(client);
    driver.voided();
    const again = restart({ ...inRounds, voidRoundsMax: 2 }, decisionsOf(driver));
    expect(only(again.join('b', 0, 1, 2, 3), 'settle')).toMatchObject([{ task: 0, counted: false, clients: [0, 1] }]);
    for (const client of [0, 1]) again.update(client);
    again.voided(1);
    expect(again.persisted(1).at(-1)).toMatchObject({ type: 'finish', reason: 'failed', code: 'round.void' });
  });

  it('tells again what counted last, though something came after it that did not', () => {
    const driver = new Driver(inRounds);
    driver.join('a', 0, 1, 2, 3);
    for (const client of [0, 1]) driver.update(client);
    driver.aggregated();
    driver.persisted();
    for (const client of [0, 1]) driver.update(client);
    driver.voided(1);
    const again = restart(inRounds, decisionsOf(driver));
    // A client that died before it had committed what counted has its state all the same.
    expect(only(again.join('b', 0, 1, 2, 3), 'settle')).toMatchObject([
      { task: 0, counted: true, clients: [0, 1] },
      { task: 1, counted: false, clients: [0, 1] },
    ]);
  });

  it('lets those train on who did, from their version and for their task; the others follow in turn', () => {
    const driver = new Driver(inBuffers);
    driver.join('a', 0, 1, 2, 3);
    driver.update(1);
    driver.aggregated(0);
    driver.update(2);
    driver.send({ type: 'aggregated', round: 1 });
    const again = restart(inBuffers, decisionsOf(driver));
    const effects = again.join('b', 0, 1, 2, 3);
    expect(only(effects, 'configure')).toMatchObject([
      { clients: [0], base: 0, task: 0, attempt: 100 },
      { clients: [3], base: 2, task: 0, attempt: 100 },
    ]);
    expect(only(effects, 'settle').map(({ clients, task }) => [clients, task])).toEqual([[[1, 2], 0]]);
    expect(only(again.update(0, { attempt: 0 }), 'fold')).toMatchObject([{ round: 2, base: 0, staleness: 2 }]);
  });

  it('tells a client that trained and lost its place meanwhile both what counted and what did not', () => {
    const driver = new Driver(inBuffers);
    driver.join('a', 0, 1, 2, 3);
    const decision = {
      cohort: [clientIndex(0)],
      uncounted: [],
      replaced: [],
      awaited: [],
      position: 1,
      voided: null,
      voidUpdates: [],
    };
    const again = restart({ ...inBuffers, graceMs: 0, minimumClients: 1 } as typeof inBuffers, [
      {
        ...decision,
        round: 0,
        counted: [{ client: clientIndex(0), base: versionNumber(0), task: 0, attempt: 0, newest: versionNumber(0) }],
        started: [{ client: clientIndex(0), base: versionNumber(1), task: 1, attempt: 0 }],
      },
    ]);
    again.join('b', 1);
    expect(only(again.join('c', 0), 'settle')).toMatchObject([
      { task: 0, counted: true, clients: [0] },
      { task: 1, counted: false, clients: [0] },
    ]);
  });
});
