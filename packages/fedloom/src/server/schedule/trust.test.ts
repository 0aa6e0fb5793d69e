import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import { buffered } from './buffered.js';
import { resumePoint, resumeState } from './resume.js';
import { Driver, type FlatOptions, fixedOrder, only, withRounds } from './testing/driver.js';

const options: FlatOptions = {
  clients: 4,
  clientsPerRound: 3,
  rounds: 40,
  quorum: 2,
  sampler: fixedOrder(0, 1, 2, 3),
  evaluateOnClients: false,
  quarantineAfter: 2,
};

function start(over: Partial<FlatOptions> = {}): Driver {
  const driver = new Driver({ ...options, ...over });
  driver.join('a', 0);
  driver.join('b', 1, 2, 3);
  return driver;
}

/** All that were asked bring their updates, but for client 0, which does otherwise. */
function round(driver: Driver, zero: () => unknown): void {
  const { round: at } = driver.state;
  const asked = new Set(only(driver.log, 'configure').flatMap(({ task, clients }) => (task === at ? clients : [])));
  if (asked.has(clientIndex(0))) zero();
  const now = only(driver.log, 'configure').flatMap(({ task, clients }) => (task === at ? clients : []));
  for (const client of new Set(now)) if (client !== 0) driver.update(client);
  if (driver.state.folds.length === 0) driver.deadline();
  driver.aggregated();
}

/** Rounds, from 1, in which client 0 was asked. */
const askedIn = (driver: Driver) =>
  only(driver.log, 'configure').flatMap(({ task, clients }) => (clients.includes(clientIndex(0)) ? [task + 1] : []));

const warningsOf = (driver: Driver, code: string) =>
  only(driver.log, 'warn').flatMap((warning) => (warning.code === code ? [warning.message] : []));

describe('a client whose updates are refused', () => {
  it('is not asked for 4 rounds, the next time for 8, and is released; another has its place', () => {
    const driver = start();
    for (let at = 0; at < 20; at += 1) round(driver, () => driver.invalid(0));
    expect(askedIn(driver)).toEqual([1, 2, 7, 8, 17, 18]);
    expect(warningsOf(driver, 'client.quarantined')).toEqual([
      expect.stringMatching(/^Client 0 is not asked in rounds 3 to 6: /),
      expect.stringMatching(/^Client 0 is not asked in rounds 9 to 16: /),
      expect.stringMatching(/^Client 0 is not asked in rounds 19 to 34: /),
    ]);
    expect(warningsOf(driver, 'client.released')).toEqual([
      'Client 0 is asked again from round 7 on.',
      'Client 0 is asked again from round 17 on.',
    ]);
    const third = only(driver.log, 'roundFinished')[2];
    expect(third).toMatchObject({ counted: [1, 2, 3], replaced: [{ client: 0, by: 3 }] });
    expect(third?.uncounted).toEqual([
      expect.objectContaining({ client: 0, attempt: null, code: 'client.quarantined' }),
    ]);
    expect(only(driver.log, 'roundFinished')[1]?.quarantined).toEqual([{ client: 0, rounds: 4 }]);
  });

  it('stays one for a server that starts anew', () => {
    const driver = start();
    for (let at = 0; at < 3; at += 1) round(driver, () => driver.invalid(0));
    const decisions = only(driver.log, 'persist');
    const resumed = new Driver(
      options,
      resumeState(withRounds({ ...options, firstAttempt: 9 }), resumePoint(decisions)),
    );
    resumed.join('a', 0, 1, 2, 3);
    for (let at = 3; at < 8; at += 1) round(resumed, () => resumed.invalid(0));
    expect(askedIn(resumed)).toEqual([7, 8]);
  });

  it('is asked on where it says itself that it cannot train, or the refusal is the server’s doing', () => {
    const failing = start();
    for (let at = 0; at < 6; at += 1) round(failing, () => failing.failed(0));
    expect(askedIn(failing)).toHaveLength(7);
    const unlucky = start();
    const other = { type: 'updateInvalid', code: 'update.base', message: 'gone' } as const;
    for (let at = 0; at < 6; at += 1) round(unlucky, () => unlucky.send({ ...other, ...unlucky.tag(0) }));
    expect(askedIn(unlucky)).toHaveLength(7);
  });

  it('is not to blame where most do the same', () => {
    const all = start({ quorum: 1 });
    for (let at = 0; at < 4; at += 1) {
      for (const client of [0, 1, 2]) all.invalid(client);
      all.update(3);
      all.aggregated();
    }
    expect(warningsOf(all, 'client.quarantined')).toEqual([]);
  });

  it('goes into quarantine at once for two void rounds that it stands out in', () => {
    const driver = start({ quarantineAfter: 3 });
    const suspects = [{ client: 0, measure: 'trained', times: 1e9, norm: 1e9, sampleCount: 1 } as const];
    for (let at = 0; at < 2; at += 1) {
      for (const client of [0, 1, 2]) driver.update(client);
      driver.send({ type: 'aggregationVoided', round: at, code: 'model.not-finite', message: 'NaN.', suspects });
      driver.persisted(at);
    }
    expect(warningsOf(driver, 'client.quarantined')).toHaveLength(1);
    expect(warningsOf(driver, 'round.void')[0]).toMatch(/NaN\. Suspicious: client 0: /);
    expect(only(driver.log, 'roundFinished')[0]?.voided?.suspects).toEqual(suspects);
  });
});

describe('a client that is there and does not answer', () => {
  it('loses 1 turn, then 2, 4, 8; an answer ends that', () => {
    const driver = start({ deadlineMs: 10, clients: 3, sampler: fixedOrder(0, 1, 2) });
    const silent = () => {};
    for (let at = 0; at < 12; at += 1) round(driver, silent);
    expect(askedIn(driver)).toEqual([1, 3, 6, 11]);
    while (askedIn(driver).at(-1) === 11) round(driver, silent);
    round(driver, () => driver.update(0));
    round(driver, silent);
    round(driver, silent);
    expect(askedIn(driver)).toEqual([1, 3, 6, 11, 20, 21, 23]);
  });

  it('loses its index to whoever asks for it, and is told; not if it has answered', () => {
    const driver = start({ deadlineMs: 10, clients: 3, sampler: fixedOrder(0, 1, 2) });
    expect(only(driver.join('c', 0), 'refuseJoin')).toMatchObject([{ code: 'join.held' }]);
    driver.update(1);
    driver.update(2);
    driver.deadline();
    driver.aggregated();
    const effects = driver.join('c', 0);
    expect(effects).toMatchObject([
      { type: 'takeOver', session: 'a', clients: [0], keeps: false, code: 'join.taken' },
      { type: 'acceptJoin', session: 'c' },
    ]);
    expect(only(driver.join('d', 0), 'refuseJoin')).toMatchObject([{ code: 'join.held' }]);
  });

  it('is not overdue once its update has come in the deadline’s extension', () => {
    const driver = start({ deadlineMs: 10, clients: 3, sampler: fixedOrder(0, 1, 2), quorum: 3 });
    driver.deadline();
    driver.update(0);
    expect(only(driver.join('c', 0), 'refuseJoin')).toMatchObject([{ code: 'join.held' }]);
    expect(only(driver.join('c', 1), 'takeOver')).toMatchObject([{ session: 'b', clients: [1], keeps: true }]);
  });
});

describe('under buffered', () => {
  const options = {
    ...{ clients: 3, rounds: 30, evaluateOnClients: false, quarantineAfter: 2 },
    schedule: buffered({ concurrency: 3, bufferSize: 2, quorum: 1, deadlineMs: 10 }),
  };

  /** Versions, each made of the updates of clients 1 and 2, after client 0 has done what it does when it is asked. */
  function versions(count: number, zero: (driver: Driver) => unknown): Driver {
    const driver = new Driver(options);
    driver.join('a', 0, 1, 2);
    let heard = 0;
    for (let made = 0; made < count; made += 1) {
      const asked = askedIn(driver).length;
      if (asked > heard) zero(driver);
      heard = asked;
      for (const client of [1, 2]) driver.update(client);
      driver.aggregated(made);
    }
    return driver;
  }

  it('who is refused is kept out for 4 versions, then for 8', () => {
    const driver = versions(20, (at) => at.invalid(0));
    expect(warningsOf(driver, 'client.quarantined')).toEqual([
      expect.stringMatching(/^Client 0 is not asked in rounds 3 to 6: /),
      expect.stringMatching(/^Client 0 is not asked in rounds 9 to 16: /),
      expect.stringMatching(/^Client 0 is not asked in rounds 19 to 34: /),
    ]);
    expect(askedIn(driver)).toHaveLength(6);
  });

  it('who lets its deadline pass is not asked for 1 version, then for 2, 4', () => {
    const driver = versions(11, (at) => {
      const { task } = at.tag(0);
      at.send({ type: 'deadline', timer: `ask:0:${task}` });
    });
    // Its tasks are counted from 0; the last comes after rounds 1, 3, 6 and 11.
    expect(askedIn(driver)).toEqual([1, 2, 3, 4]);
    const silent = only(driver.log, 'roundFinished').flatMap(({ round: at, uncounted }) =>
      uncounted.some(({ client }) => client === 0) ? [at + 1] : [],
    );
    expect(silent).toEqual([1, 3, 6, 11]);
  });
});
