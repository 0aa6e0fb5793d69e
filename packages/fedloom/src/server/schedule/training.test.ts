import { describe, expect, it } from 'vitest';
import { knownClient } from '../../core/brands.js';
import { Driver, type FlatOptions, fixedOrder, only } from './testing/driver.js';

/** Six clients, each a session of its own; the cohort is 0, 1, 2, then 3, 4, 5 replace them. */
function start(options: Partial<FlatOptions> = {}, present: readonly number[] = [0, 1, 2, 3, 4, 5]): Driver {
  const driver = new Driver({
    clients: 6,
    clientsPerRound: 3,
    rounds: 2,
    minimumClients: present.length,
    sampler: fixedOrder(0, 1, 2, 3, 4, 5),
    evaluateOnClients: false,
    ...options,
  });
  for (const client of present) driver.join(`s${client}`, client);
  return driver;
}

describe('an update is dropped by name', () => {
  it('when no round has started', () => {
    const driver = start({ minimumClients: 6 }, [0, 1]);
    expect(driver.update(0)).toMatchObject([{ type: 'discard', code: 'update.unknown-round' }]);
  });

  it.each([
    ['update.unknown-round', { task: 1 }],
    ['update.unknown-round', { task: -1 }],
    ['update.unknown-round', { task: 0.5 }],
    ['update.unknown-round', { task: Number.NaN }],
    ['update.wrong-session', { session: 's1' }],
    ['update.wrong-session', { session: 'unheard-of' }],
    ['update.unknown-attempt', { attempt: 1 }],
    ['update.unknown-attempt', { attempt: -1 }],
    ['update.unknown-attempt', { attempt: Number.NaN }],
    ['update.not-in-cohort', { client: knownClient(4) }],
    ['update.not-in-cohort', { client: knownClient(99) }],
    ['update.not-in-cohort', { client: knownClient(-1) }],
  ])('%s: %o', (code, tag) => {
    const driver = start();
    const effects = driver.update(0, tag);
    expect(effects).toEqual([{ type: 'discard', ...driver.tag(0, tag), code, message: expect.any(String) }]);
    expect(only(driver.update(0), 'fold')).toHaveLength(1);
  });

  it('when it comes a second time, also after the round has closed', () => {
    const driver = start();
    driver.update(0);
    expect(driver.update(0)).toMatchObject([{ type: 'discard', code: 'update.repeated' }]);
    driver.update(1);
    driver.update(2);
    expect(driver.update(1)).toMatchObject([{ type: 'discard', code: 'update.repeated' }]);
  });

  it('when its round is over', () => {
    const driver = start({ deadlineMs: 10 });
    driver.update(0);
    driver.update(1);
    driver.deadline();
    expect(driver.update(2)).toMatchObject([{ type: 'discard', code: 'update.late' }]);
    driver.aggregated();
    expect(driver.update(2, { task: 0 })).toMatchObject([
      {
        type: 'discard',
        code: 'update.late',
        message: expect.stringMatching(/client 2 for round 1 .*training in round 2/),
      },
    ]);
    expect(only(driver.update(0), 'fold')).toHaveLength(1);
  });

  it('when another took the place', () => {
    const driver = start();
    driver.failed(1);
    expect(driver.update(1)).toMatchObject([{ type: 'discard', code: 'update.late' }]);
  });
});

describe('a client that fails, or sends what cannot be used', () => {
  it.each(['failed', 'invalid'] as const)('%s: is replaced at once by the next of the order', (how) => {
    const driver = start();
    expect(driver[how](1)).toEqual([
      expect.objectContaining({ type: 'settle', session: 's1', attempt: 0, clients: [1], counted: false }),
      { type: 'configure', session: 's3', base: 0, task: 0, attempt: 1, clients: [3] },
      { type: 'warn', code: expect.any(String), message: expect.stringContaining('client 3 takes its place') },
    ]);
    driver.update(0);
    driver.update(2);
    expect(only(driver.update(3), 'aggregate')).toEqual([{ type: 'aggregate', round: 0, counted: [0, 2, 3] }]);
  });

  it('is replaced by those present only, in the order of the sampler, each once', () => {
    const driver = start({}, [0, 1, 2, 5, 4]);
    expect(only(driver.failed(0), 'configure')).toMatchObject([{ clients: [4], attempt: 1 }]);
    expect(only(driver.failed(4), 'configure')).toMatchObject([{ clients: [5], attempt: 2 }]);
    expect(driver.failed(5)).toMatchObject([
      { type: 'settle', clients: [5] },
      { type: 'warn', message: expect.stringContaining('no other client') },
    ]);
  });

  it('means nothing when it is out of date', () => {
    const driver = start();
    driver.update(0);
    expect(driver.failed(0)).toEqual([]);
    expect(driver.failed(1, { task: 7 })).toEqual([]);
    expect(driver.invalid(1, { session: 's2' })).toEqual([]);
    expect(driver.invalid(1, { attempt: 9 })).toEqual([]);
    expect(driver.failed(4)).toEqual([]);
  });

  it('loses its place without replacements; who joins later takes it', () => {
    const driver = start({}, [0, 1, 2]);
    driver.failed(1);
    expect(only(driver.join('late', 5, 4), 'configure')).toEqual([
      { type: 'configure', session: 'late', base: 0, task: 0, attempt: 1, clients: [4] },
    ]);
    expect(only(driver.join('later', 3), 'configure')).toEqual([]);
  });

  it('takes nothing from a client that left before it', () => {
    const driver = start();
    driver.leave(3);
    expect(only(driver.failed(1), 'configure')).toMatchObject([{ clients: [4] }]);
    driver.join('s3', 3);
    expect(only(driver.failed(2), 'configure')).toMatchObject([{ clients: [3] }]);
  });

  it('closes the round with a quorum when all other places are lost', () => {
    const driver = start({}, [0, 1, 2]);
    driver.update(0);
    driver.update(2);
    expect(driver.failed(1)).toMatchObject([
      { type: 'settle', clients: [1], counted: false },
      { type: 'warn', code: 'train.failed' },
      { type: 'warn', code: 'round.partial', message: expect.stringContaining('2 of 3 updates; missing: client 1') },
      { type: 'aggregate', counted: [0, 2] },
    ]);
  });

  it('fails the run at once when a quorum cannot come any more', () => {
    const driver = start({ deadlineMs: 1000 }, [0, 1, 2]);
    driver.update(0);
    driver.failed(1);
    const effects = driver.failed(2);
    expect(only(effects, 'clearTimer')).toHaveLength(1);
    expect(effects.at(-1)).toMatchObject({ type: 'finish', reason: 'failed', code: 'round.quorum' });
    expect(only(effects, 'finish')[0]?.message).toMatch(/1 of 3 updates came, 2 are needed.*missing: clients 1-2/);
  });
});

describe('a client that is away', () => {
  it('is configured when it joins', () => {
    const driver = start({ deadlineMs: 10, minimumClients: 2 }, [0, 1]);
    expect(driver.join('s2', 2)).toMatchObject([
      { type: 'acceptJoin' },
      { type: 'configure', session: 's2', attempt: 0, clients: [2] },
    ]);
  });

  it('is configured again when it comes back, on any session; any of its attempts may count', () => {
    const driver = start();
    driver.leave(1);
    expect(only(driver.join('new', 1), 'configure')).toMatchObject([{ session: 'new', attempt: 1, clients: [1] }]);
    driver.update(0);
    driver.update(2);
    expect(driver.update(1, { session: 's1', attempt: 0 })).toMatchObject([{ code: 'update.wrong-session' }]);
    expect(driver.update(1, { attempt: 0.5 })).toMatchObject([{ code: 'update.unknown-attempt' }]);
    expect(only(driver.update(1, { attempt: 0 }), 'fold')).toHaveLength(1);
    expect(only(driver.aggregated(), 'settle')).toMatchObject([
      { clients: [0], attempt: 0 },
      { clients: [1], attempt: 0, session: 'new' },
      { clients: [2], attempt: 0 },
    ]);
  });

  it('cannot deliver', () => {
    const driver = start();
    driver.send({ type: 'sessionClosed', session: 's1' });
    expect(driver.update(1, { session: 's1' })).toMatchObject([{ type: 'discard', code: 'update.wrong-session' }]);
  });

  it('counts if it had delivered, and learns of it when it comes back', () => {
    const driver = start();
    driver.update(1);
    driver.leave(1);
    driver.update(0);
    expect(only(driver.update(2), 'aggregate')).toMatchObject([{ counted: [0, 1, 2] }]);
    expect(only(driver.aggregated(), 'settle')).toMatchObject([{ clients: [0] }, { clients: [2] }]);
    const effects = driver.join('back', 1);
    expect(effects).toMatchObject([
      { type: 'acceptJoin' },
      { type: 'settle', session: 'back', task: 0, attempt: 0, clients: [1], counted: true },
      { type: 'configure', base: 1, task: 1, clients: [1] },
    ]);
    driver.leave(1);
    expect(only(driver.join('again', 1), 'settle')).toEqual([]);
  });

  it('learns when it comes back that its update did not count', () => {
    const driver = start({ deadlineMs: 10 });
    driver.leave(1);
    driver.update(0);
    driver.update(2);
    driver.deadline();
    const code = 'client.away';
    expect(only(driver.join('back', 1), 'settle')).toMatchObject([{ task: 0, clients: [1], counted: false, code }]);
  });
});

describe('the deadline', () => {
  it('closes the round with a quorum; who is missing is told', () => {
    const driver = start({ deadlineMs: 10 });
    driver.update(0);
    driver.update(2);
    expect(driver.deadline()).toMatchObject([
      { type: 'warn', code: 'round.partial' },
      {
        type: 'settle',
        session: 's1',
        clients: [1],
        counted: false,
        code: 'round.deadline',
        reason: expect.any(String),
      },
      { type: 'aggregate', counted: [0, 2] },
    ]);
  });

  it('is over once the round has closed', () => {
    const driver = start({ deadlineMs: 10 });
    expect(only(driver.log, 'setTimer')).toEqual([{ type: 'setTimer', timer: 'train:0:0', delayMs: 10 }]);
    for (const client of [0, 1]) driver.update(client);
    expect(driver.update(2)).toMatchObject([{ type: 'fold' }, { type: 'clearTimer', timer: 'train:0:0' }, {}]);
    expect(driver.deadline()).toEqual([]);
    driver.aggregated();
    expect(driver.send({ type: 'deadline', timer: 'train:0:0' })).toEqual([]);
  });

  it('is extended below the quorum: absent clients are replaced first, then slow ones', () => {
    const driver = start({ deadlineMs: 10, minimumClients: 4 }, [0, 2, 3, 5]);
    expect(driver.deadline()).toMatchObject([
      { type: 'configure', session: 's3', clients: [3], attempt: 0 },
      { type: 'settle', session: 's0', clients: [0], counted: false },
      { type: 'configure', session: 's5', clients: [5], attempt: 1 },
      { type: 'setTimer', timer: 'train:0:1' },
      { type: 'warn', code: 'round.extended' },
    ]);
    expect(driver.update(0)).toMatchObject([{ code: 'update.late' }]);
    for (const client of [2, 3]) driver.update(client);
    expect(only(driver.update(5), 'aggregate')).toMatchObject([{ counted: [2, 3, 5] }]);
  });

  it('keeps those that cannot be replaced', () => {
    const driver = start({ deadlineMs: 10 }, [0, 1, 2]);
    driver.leave(1);
    expect(driver.deadline()).toMatchObject([{ type: 'setTimer' }, { type: 'warn' }]);
    driver.join('s1', 1);
    for (const client of [0, 1]) driver.update(client);
    expect(only(driver.update(2), 'aggregate')).toHaveLength(1);
  });

  it('fails the run after its extensions and says who is missing', () => {
    const driver = start({ deadlineMs: 10, attemptsMax: 2 }, [0, 1, 2]);
    driver.update(1);
    for (const _ of [1, 2]) expect(only(driver.deadline(), 'setTimer')).toHaveLength(1);
    const effects = driver.deadline();
    expect(effects).toMatchObject([{ type: 'finish', reason: 'failed', code: 'round.quorum' }]);
    expect(only(effects, 'finish')[0]?.message).toMatch(
      /Round 1 failed: 1 of 3 updates came, 2 are needed, after 3 deadlines of 10 ms; missing: clients 0, 2\./,
    );
  });

  it('can be one that is never extended', () => {
    const driver = start({ deadlineMs: 10, attemptsMax: 0 });
    expect(driver.deadline()).toMatchObject([{ type: 'finish', reason: 'failed' }]);
  });

  it('is fresh in each round', () => {
    const driver = start({ deadlineMs: 10, attemptsMax: 1 });
    driver.deadline();
    for (const client of [3, 4, 5]) driver.update(client);
    expect(only(driver.aggregated(), 'setTimer')).toEqual([{ type: 'setTimer', timer: 'train:1:0', delayMs: 10 }]);
    expect(only(driver.deadline(), 'setTimer')).toEqual([{ type: 'setTimer', timer: 'train:1:1', delayMs: 10 }]);
  });

  it('is awaited by a cohort of which nobody is there', () => {
    const driver = start({ deadlineMs: 10, minimumClients: 1 }, [4]);
    expect(only(driver.log, 'configure')).toEqual([]);
    expect(only(driver.deadline(), 'configure')).toMatchObject([{ clients: [4] }]);
  });
});

describe('without a deadline', () => {
  it('absent clients are replaced when nobody works any more', () => {
    const driver = start({ minimumClients: 4 }, [0, 2, 3, 5]);
    driver.update(0);
    expect(only(driver.update(2), 'configure')).toMatchObject([{ clients: [3], attempt: 0 }]);
  });

  it('a round that only a join can save says so once, and goes on with it', () => {
    const driver = start({}, [0, 1, 2]);
    driver.leave(1);
    driver.update(0);
    const [, warning] = driver.update(2);
    expect(warning).toMatchObject({ type: 'warn', code: 'round.idle', message: expect.stringContaining('client 1 ') });
    expect(driver.leave(0)).toEqual([]);
    driver.join('s1', 1);
    expect(driver.leave(1)).toEqual([]);
    expect(only(driver.join('s4', 4), 'configure')).toMatchObject([{ clients: [4], attempt: 2 }]);
    expect(only(driver.update(4), 'aggregate')).toMatchObject([{ counted: [0, 2, 4] }]);
  });
});
