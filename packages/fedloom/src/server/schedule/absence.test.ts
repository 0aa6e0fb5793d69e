import { describe, expect, it } from 'vitest';
import { Driver, type FlatOptions, fixedOrder, only } from './testing/driver.js';

/** Six clients, each a session of its own; the cohort is 0, 1, 2, then 3, 4, 5 replace them. */
function start(options: Partial<FlatOptions> = {}, present: readonly number[] = [0, 1, 2, 3, 4, 5]): Driver {
  const driver = new Driver({
    clients: 6,
    clientsPerRound: 3,
    rounds: 3,
    minimumClients: present.length,
    sampler: fixedOrder(0, 1, 2, 3, 4, 5),
    evaluateOnClients: false,
    deadlineMs: 60_000,
    graceMs: 10,
    ...options,
  });
  for (const client of present) driver.join(`s${client}`, client);
  return driver;
}

const fire = (driver: Driver, timer: string) => driver.send({ type: 'deadline', timer });

describe('the grace', () => {
  it('over, a client that left is replaced, long before the deadline', () => {
    const driver = start();
    expect(driver.leave(1)).toEqual([{ type: 'setTimer', timer: 'grace:0', delayMs: 10 }]);
    expect(fire(driver, 'grace:0')).toMatchObject([
      { type: 'configure', clients: [3], attempt: 1 },
      { type: 'warn', code: 'client.replaced', message: expect.stringMatching(/Round 1: client 3 replaces client 1/) },
    ]);
    for (const client of [0, 2, 3]) driver.update(client);
    expect(only(driver.send({ type: 'aggregated', round: 0 }), 'persist')).toMatchObject([
      {
        counted: [{ client: 0 }, { client: 2 }, { client: 3, attempt: 1 }],
        uncounted: [{ client: 1, code: 'client.away', message: expect.stringContaining('10 ms') }],
        replaced: [{ client: 1, by: 3, reason: expect.stringContaining('away') }],
        awaited: [1],
      },
    ]);
  });

  it('is not spent again in the rounds to come', () => {
    const driver = start();
    driver.leave(1);
    fire(driver, 'grace:0');
    for (const client of [0, 2, 3]) driver.update(client);
    const next = driver.aggregated();
    expect(
      only(next, 'configure')
        .flatMap(({ clients }) => clients)
        .sort(),
    ).toEqual([0, 2, 3]);
    expect(only(next, 'setTimer').map(({ timer }) => timer)).toEqual(['train:1:0']);
  });

  it('outlasts a shorter outage, which changes nothing', () => {
    const driver = start();
    driver.leave(1);
    expect(only(driver.join('new', 1), 'configure')).toMatchObject([{ clients: [1], attempt: 1 }]);
    expect(fire(driver, 'grace:0')).toEqual([]);
    for (const client of [0, 1, 2]) driver.update(client);
    expect(only(driver.log, 'aggregate')).toMatchObject([{ counted: [0, 1, 2] }]);
  });

  it('begins anew with each departure', () => {
    const driver = start();
    driver.leave(1);
    driver.join('new', 1);
    driver.leave(1);
    expect(fire(driver, 'grace:0')).toEqual([]);
    expect(only(fire(driver, 'grace:1'), 'configure')).toMatchObject([{ clients: [3] }]);
  });

  it('holds for clients that never joined, from the first round on', () => {
    const driver = start({}, [0, 2, 4]);
    expect(only(driver.log, 'setTimer').map(({ timer }) => timer)).toContain('grace:0');
    expect(only(fire(driver, 'grace:0'), 'configure')).toMatchObject([{ clients: [4], attempt: 0 }]);
  });

  it('over with nobody there, the next that comes takes the place', () => {
    const driver = start({}, [0, 1, 2]);
    driver.leave(1);
    expect(fire(driver, 'grace:1')).toEqual([]);
    expect(only(driver.join('s5', 5), 'configure')).toMatchObject([{ clients: [5], attempt: 1 }]);
    expect(only(driver.join('s1', 1), 'configure')).toEqual([]);
  });

  it('over with nobody there, a quorum of the others suffices', () => {
    const driver = start({}, [0, 1, 2]);
    driver.leave(1);
    driver.update(0);
    driver.update(2);
    expect(only(driver.log, 'aggregate')).toEqual([]);
    expect(fire(driver, 'grace:1')).toMatchObject([
      { type: 'clearTimer', timer: 'train:0:0' },
      { type: 'warn', code: 'round.partial', message: expect.stringContaining('missing: client 1') },
      { type: 'aggregate', counted: [0, 2] },
    ]);
  });

  it('of nothing replaces at once', () => {
    const driver = start({ graceMs: 0 });
    expect(only(driver.leave(1), 'configure')).toMatchObject([{ clients: [3], attempt: 1 }]);
  });

  it('of null, with a deadline: nobody is replaced for being away before it', () => {
    const driver = start({ graceMs: null });
    expect(driver.leave(1)).toEqual([]);
    driver.update(0);
    expect(driver.update(2).map(({ type }) => type)).toEqual(['fold']);
    expect(only(driver.join('new', 1), 'configure')).toMatchObject([{ clients: [1], attempt: 1 }]);
    driver.leave(1);
    // With a quorum the round closes without it.
    expect(only(fire(driver, 'train:0:0'), 'aggregate')).toMatchObject([{ counted: [0, 2] }]);
  });

  it('of null, without a deadline: a client is replaced once nobody else trains, and not before', () => {
    const driver = start({ graceMs: null, deadlineMs: null });
    expect(driver.leave(1)).toEqual([]);
    expect(driver.update(0).map(({ type }) => type)).toEqual(['fold']);
    expect(only(driver.update(2), 'configure')).toMatchObject([{ clients: [3], attempt: 1 }]);
  });

  it('is one timer for all that leave together', () => {
    const driver = new Driver({ clients: 4, clientsPerRound: 4, rounds: 1, graceMs: 10 });
    driver.join('a', 0, 1, 2, 3);
    expect(only(driver.send({ type: 'sessionClosed', session: 'a' }), 'setTimer')).toHaveLength(1);
  });
});

describe('the wait for the first clients', () => {
  const waiting = (options: Partial<FlatOptions> = {}) => {
    const driver = new Driver({
      clients: 4,
      clientsPerRound: 2,
      rounds: 1,
      noticeEveryMs: 10_000,
      waitForClientsMs: 60_000,
      ...options,
    });
    driver.send({ type: 'opened' });
    return driver;
  };
  const warnings = (driver: Driver, timer: string) => only(fire(driver, timer), 'warn').map(({ message }) => message);

  it('says every so often who is missing, and since when', () => {
    const driver = waiting();
    driver.join('a', 0, 2);
    expect(warnings(driver, 'notice:0')).toEqual([
      'The first round has been waiting for 10 s: 2 of 4 clients are there; clients 1, 3 have never joined.',
    ]);
    driver.leave(2);
    expect(warnings(driver, 'notice:1')).toEqual([
      'The first round has been waiting for 20 s: 1 of 4 clients is there; clients 1, 3 have never joined; ' +
        'client 2 left up to 10 s ago.',
    ]);
    expect(warnings(driver, 'notice:2')).toEqual([expect.stringContaining('client 2 left up to 20 s ago')]);
  });

  it('ends with a reason that names them', () => {
    const driver = waiting({ minimumClients: 3 });
    driver.join('a', 0, 2);
    expect(fire(driver, 'clients')).toMatchObject([
      { type: 'clearTimer', timer: 'notice:0' },
      {
        type: 'finish',
        reason: 'failed',
        code: 'run.clients-missing',
        message: expect.stringMatching(
          /after 60 s 2 of 4 clients are there, 3 are needed; clients 1, 3 have never joined.*waitForClientsMs/,
        ),
      },
    ]);
  });

  it('is over when the run starts', () => {
    const driver = waiting();
    expect(only(driver.join('a', 0, 1, 2, 3), 'clearTimer').map(({ timer }) => timer)).toEqual(['clients', 'notice:0']);
    expect(fire(driver, 'notice:0')).toEqual([]);
    expect(fire(driver, 'clients')).toEqual([]);
    expect(driver.send({ type: 'opened' })).toEqual([]);
  });

  it('is silent and endless unless asked for', () => {
    expect(only(waiting({ noticeEveryMs: null, waitForClientsMs: null }).log, 'setTimer')).toEqual([]);
  });
});
