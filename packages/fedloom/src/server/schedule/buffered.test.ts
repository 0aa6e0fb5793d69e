import { describe, expect, it } from 'vitest';
import { type BufferedOptions, buffered } from './buffered.js';
import { initialState } from './coordinator.js';
import type { CoordinatorOptions } from './schedule.js';
import { Driver, fixedOrder, only } from './testing/driver.js';

type Options = Partial<Omit<CoordinatorOptions, 'schedule'> & BufferedOptions>;

/** Six clients, each a session of its own, asked in the order 0 to 5; three train at a time, two make a version. */
function start(options: Options = {}, present: readonly number[] = [0, 1, 2, 3, 4, 5]): Driver {
  const { concurrency = 3, bufferSize = 2, stalenessMax = null, deadlineMs = null, quorum = 1, ...rest } = options;
  const sampler = fixedOrder(0, 1, 2, 3, 4, 5);
  const driver = new Driver({
    clients: 6,
    rounds: 4,
    minimumClients: present.length,
    evaluateOnClients: false,
    ...rest,
    schedule: buffered({ concurrency, bufferSize, stalenessMax, deadlineMs, quorum, sampler }),
  });
  for (const client of present) driver.join(`s${client}`, client);
  return driver;
}

const asked = (effects: Parameters<typeof only>[0]) =>
  only(effects, 'configure').flatMap(({ clients, base, task }) => clients.map((client) => ({ client, base, task })));

describe('clients under buffered', () => {
  it('train a few at a time, each from the newest version, and make a version together', () => {
    const driver = start();
    expect(asked(driver.log)).toEqual([0, 1, 2].map((client) => ({ client, base: 0, task: 0 })));
    expect(driver.update(1)).toMatchObject([
      { type: 'fold', client: 1, round: 0, base: 0, staleness: 0 },
      { type: 'configure', clients: [3], base: 0, task: 0 },
    ]);
    expect(driver.update(3)).toMatchObject([
      { type: 'fold', client: 3 },
      { type: 'aggregate', round: 0, counted: [1, 3] },
    ]);
    const made = driver.send({ type: 'aggregated', round: 0 });
    expect(made).toMatchObject([
      {
        type: 'persist',
        counted: [{ client: 1 }, { client: 3 }],
        started: [
          { client: 0, base: 0, task: 0, attempt: 0 },
          { client: 2, base: 0, task: 0, attempt: 0 },
        ],
        position: 4,
      },
    ]);
    expect(driver.persisted(0)).toMatchObject([
      { type: 'settle', clients: [1], counted: true },
      { type: 'settle', clients: [3], counted: true },
      { type: 'roundFinished', round: 0, cohort: [1, 3], counted: [1, 3] },
      { type: 'configure', clients: [4], base: 1 },
    ]);
  });

  it('count for the open fold with their staleness; a version is kept as long as somebody trains from it', () => {
    const driver = start();
    for (const client of [1, 3]) driver.update(client);
    driver.aggregated(0);
    expect(driver.update(0)).toMatchObject([
      { type: 'fold', client: 0, round: 1, base: 0, staleness: 1 },
      { type: 'configure', clients: [5], base: 1 },
    ]);
    expect(only(driver.log, 'dropVersion')).toEqual([]);
    expect(driver.update(2)).toMatchObject([
      { type: 'fold', client: 2, staleness: 1 },
      { type: 'dropVersion', number: 0 },
      { type: 'aggregate', round: 1, counted: [0, 2] },
    ]);
  });

  it('are numbered by how often they were asked, and asked in turn', () => {
    const driver = start({ concurrency: 1, bufferSize: 1, rounds: 14 });
    for (let round = 0; round < 13; round++) {
      const { client } = asked(driver.log).at(-1) ?? { client: -1 };
      driver.update(client);
      driver.aggregated(round);
    }
    expect(
      asked(driver.log)
        .map(({ client, task }) => `${client}:${task}`)
        .join(' '),
    ).toBe('0:0 1:0 2:0 3:0 4:0 5:0 0:1 1:1 2:1 3:1 4:1 5:1 0:2 1:2');
  });

  it('are not asked while their own update is not settled, nor anybody before the disk has the version', () => {
    const driver = start({ concurrency: 6, bufferSize: 2 });
    for (const client of [0, 1]) driver.update(client);
    expect(asked(driver.send({ type: 'aggregated', round: 0 }))).toEqual([]);
    expect(driver.update(2)).toMatchObject([{ type: 'fold', round: 1, staleness: 1 }]);
    expect(asked(driver.persisted(0))).toEqual([
      { client: 0, base: 1, task: 1 },
      { client: 1, base: 1, task: 1 },
    ]);
  });

  it('end with the last version: whoever trains then is told', () => {
    const driver = start({ rounds: 1 });
    driver.update(0);
    expect(driver.update(3)).toMatchObject([
      { type: 'fold' },
      { type: 'settle', clients: [1], counted: false },
      { type: 'settle', clients: [2], counted: false },
      { type: 'aggregate', counted: [0, 3] },
    ]);
    expect(driver.update(1)).toMatchObject([{ type: 'discard', code: 'update.late' }]);
    expect(only(driver.aggregated(0), 'finish')).toMatchObject([{ reason: 'completed' }]);
  });
});

describe('an update under buffered', () => {
  it('that is too old is refused by name, and its client is settled and asked again', () => {
    const driver = start({ stalenessMax: 0 });
    for (const client of [1, 3]) driver.update(client);
    driver.aggregated(0);
    expect(driver.update(0)).toMatchObject([
      {
        type: 'discard',
        code: 'update.stale',
        message: expect.stringMatching(/version 0, which is 1 version old; 0 are allowed/),
      },
      { type: 'settle', clients: [0], task: 0, counted: false },
      { type: 'configure', clients: [5], base: 1 },
    ]);
  });

  it.each([
    ['update.unknown-task', 0, { task: 1 }],
    ['update.unknown-task', 5, {}],
    ['update.unknown-task', 0, { task: 0.5 }],
    ['update.unknown-task', -1, {}],
    ['update.wrong-session', 0, { session: 's1' }],
    ['update.unknown-attempt', 0, { attempt: 1 }],
    ['update.unknown-attempt', 0, { attempt: -1 }],
  ] as const)('is refused: %s', (code, client, tag) => {
    const driver = start();
    expect(driver.update(client, tag)).toMatchObject([{ type: 'discard', client, code }]);
  });

  it('that comes again is refused, folded or not', () => {
    const driver = start();
    driver.update(0);
    expect(driver.update(0)).toMatchObject([{ code: 'update.repeated' }]);
    driver.failed(1);
    expect(driver.update(1)).toMatchObject([{ code: 'update.late' }]);
  });

  it('counts on another session than the one it was asked on', () => {
    const driver = start();
    driver.leave(0);
    expect(only(driver.join('new', 0), 'configure')).toMatchObject([{ clients: [0], base: 0, task: 0, attempt: 1 }]);
    expect(only(driver.update(0, { attempt: 0 }), 'fold')).toMatchObject([{ session: 'new', attempt: 0 }]);
  });
});

describe('a place under buffered', () => {
  it('goes to another when its client fails', () => {
    const driver = start();
    expect(driver.failed(0)).toMatchObject([
      { type: 'settle', clients: [0], counted: false },
      { type: 'warn', code: 'train.failed' },
      { type: 'configure', clients: [3] },
    ]);
    for (const client of [1, 2]) driver.update(client);
    expect(only(driver.send({ type: 'aggregated', round: 0 }), 'persist')).toMatchObject([
      { uncounted: [{ client: 0, code: 'train.failed' }], replaced: [{ client: 0, by: 3, reason: 'no memory' }] },
    ]);
  });

  it('is not given back to a client that failed before the next fold', () => {
    const driver = start({ concurrency: 6 });
    expect(asked(driver.failed(0))).toEqual([]);
    for (const client of [1, 2]) driver.update(client);
    expect(asked(driver.aggregated(0))).toEqual([0, 1, 2].map((client) => ({ client, base: 1, task: 1 })));
  });

  it('goes to another when no update came in time', () => {
    const driver = start({ deadlineMs: 10 });
    expect(only(driver.log, 'setTimer').map(({ timer }) => timer)).toEqual(['ask:0:0', 'ask:1:0', 'ask:2:0']);
    expect(driver.send({ type: 'deadline', timer: 'ask:1:0' })).toMatchObject([
      { type: 'warn', code: 'ask.deadline' },
      { type: 'settle', clients: [1], counted: false },
      { type: 'configure', clients: [3] },
      { type: 'setTimer', timer: 'ask:3:0' },
    ]);
    expect(only(driver.update(0), 'clearTimer')).toMatchObject([{ timer: 'ask:0:0' }]);
  });

  it('is kept for a client that is away until the grace is over', () => {
    const driver = start({ graceMs: 10 });
    expect(driver.leave(0)).toMatchObject([{ type: 'setTimer', timer: 'grace:0' }]);
    expect(asked(driver.send({ type: 'deadline', timer: 'grace:0' }))).toMatchObject([{ client: 3 }]);
    expect(only(driver.join('new', 0), 'settle')).toMatchObject([{ clients: [0], counted: false }]);
  });

  it('is kept without grace or deadline as long as somebody trains', () => {
    const driver = start();
    for (const client of [0, 1]) driver.leave(client);
    expect(asked(driver.leave(2)).map(({ client }) => client)).toEqual([3, 4, 5]);
  });
});

describe('a fold for which nobody can be asked any more', () => {
  it('closes with a quorum', () => {
    const two = new Driver({
      clients: 2,
      rounds: 1,
      schedule: buffered({ concurrency: 2, bufferSize: 2, quorum: 1, sampler: fixedOrder(0, 1) }),
    });
    two.join('a', 0, 1);
    two.update(0);
    expect(two.failed(1)).toMatchObject([
      { type: 'settle', clients: [1] },
      { type: 'warn', code: 'train.failed' },
      { type: 'warn', code: 'round.partial', message: expect.stringContaining('1 of 2 updates') },
      { type: 'aggregate', counted: [0] },
    ]);
  });

  it('fails below it, and says who is lost', () => {
    const driver = start({ concurrency: 6, quorum: 2 });
    for (const client of [0, 1, 2, 3, 4]) driver.failed(client);
    expect(driver.failed(5).at(-1)).toMatchObject({
      type: 'finish',
      reason: 'failed',
      code: 'round.quorum',
      message: expect.stringMatching(/Round 1 failed: 0 of 2 updates came, 2 are needed.*lost: clients 0-5/),
    });
  });

  it('waits for clients that are away; with a deadline, until it is over', () => {
    const driver = start({ deadlineMs: 10 }, [0, 1]);
    driver.failed(0);
    driver.failed(1);
    expect(driver.log.slice(-2)).toMatchObject([{ type: 'setTimer', timer: 'buffer:0:0' }, { code: 'round.idle' }]);
    expect(only(driver.join('s4', 4), 'clearTimer')).toMatchObject([{ timer: 'buffer:0:0' }]);
    driver.failed(4);
    expect(driver.send({ type: 'deadline', timer: 'buffer:0:1' })).toMatchObject([
      { type: 'finish', reason: 'failed' },
    ]);
  });
});

it.each([
  ['concurrency', { concurrency: 7 }, 'from 1 to 6 (the number of clients)'],
  ['bufferSize', { bufferSize: 7 }, 'each counts once in a buffer'],
  ['bufferSize', { bufferSize: 0 }, 'from 1 to 6'],
  ['stalenessMax', { stalenessMax: -1 }, 'from 0'],
  ['quorum', { quorum: 3 }, 'the updates of a buffer'],
  ['deadlineMs', { deadlineMs: 0 }, 'from 1'],
])('buffered refuses its %s when it is %o', (option, given, why) => {
  const schedule = buffered({ concurrency: 2, bufferSize: 2, ...given });
  expect(() => initialState({ clients: 6, rounds: 1, schedule })).toThrowError(
    expect.objectContaining({
      code: 'coordinator.options',
      message: expect.stringMatching(`^${option} is .*${why.replace(/[()]/g, '\\$&')}`),
    }),
  );
});
