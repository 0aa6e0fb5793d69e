import { describe, expect, it } from 'vitest';
import { cloneState, Driver, type FlatOptions, fixedOrder, only, ranges } from './testing/driver.js';

/** Nothing went wrong in the round. */
const PLAIN = { uncounted: [], replaced: [], awaited: [], voided: null };

function start(options: Partial<FlatOptions> = {}): Driver {
  const driver = new Driver({
    clients: 4,
    clientsPerRound: 2,
    rounds: 2,
    sampler: fixedOrder(2, 0, 3, 1),
    evaluateOnClients: false,
    ...options,
  });
  return driver;
}

describe('joining', () => {
  it('starts when the minimum has joined, and not before', () => {
    const driver = start({ minimumClients: 3 });
    expect(driver.join('a', 0, 1)).toEqual([{ type: 'acceptJoin', session: 'a', ranges: [{ from: 0, count: 2 }] }]);
    expect(driver.join('b', 2)).toEqual([
      { type: 'acceptJoin', session: 'b', ranges: ranges(2) },
      { type: 'configure', session: 'b', base: 0, task: 0, attempt: 0, clients: [2] },
      { type: 'configure', session: 'a', base: 0, task: 0, attempt: 0, clients: [0] },
    ]);
  });

  it('counts who is there now, not who was there once', () => {
    const driver = start({ minimumClients: 3 });
    driver.join('a', 0, 1);
    driver.leave(1);
    expect(only(driver.join('b', 2), 'configure')).toEqual([]);
    expect(only(driver.join('c', 3), 'configure')).not.toEqual([]);
  });

  it('waits for all clients when nothing else is said', () => {
    const driver = start();
    expect(only(driver.join('a', 0, 1, 2), 'configure')).toEqual([]);
    expect(only(driver.join('a', 3), 'configure')).toHaveLength(1);
  });

  it('refuses indices that do not exist and takes the rest', () => {
    const [refusal, acceptance] = start().join('a', 1, 4, 5, -1);
    expect(refusal).toMatchObject({ type: 'refuseJoin', session: 'a', code: 'join.range', ranges: ranges(4, 5, -1) });
    expect(refusal).toMatchObject({ message: expect.stringContaining('0 to 3') });
    expect(acceptance).toEqual({ type: 'acceptJoin', session: 'a', ranges: ranges(1) });
  });

  it('refuses an index that another live session holds, until that session has gone', () => {
    const driver = start();
    driver.join('a', 0, 1);
    const [refusal, acceptance] = driver.join('b', 1, 2);
    expect(refusal).toMatchObject({ type: 'refuseJoin', session: 'b', code: 'join.held', ranges: ranges(1) });
    expect(acceptance).toEqual({ type: 'acceptJoin', session: 'b', ranges: ranges(2) });
    driver.send({ type: 'sessionClosed', session: 'a' });
    expect(driver.join('b', 1)).toEqual([{ type: 'acceptJoin', session: 'b', ranges: ranges(1) }]);
  });

  it('takes a second join of the same session as the first', () => {
    const driver = start();
    driver.join('a', 0, 1);
    expect(driver.join('a', 1, 0, 1)).toEqual([{ type: 'acceptJoin', session: 'a', ranges: [{ from: 0, count: 2 }] }]);
    expect(driver.state.membership.present).toBe(2);
  });

  it('lets nobody send others away', () => {
    const driver = start();
    driver.join('a', 0, 1);
    driver.send({ type: 'clientsLeft', session: 'b', ranges: ranges(0) });
    driver.send({ type: 'clientsLeft', session: 'nobody', ranges: ranges(0) });
    driver.send({ type: 'sessionClosed', session: 'b' });
    expect(driver.state.membership.present).toBe(2);
  });
});

describe('a run', () => {
  it('goes through its rounds to the end', () => {
    const driver = start();
    driver.join('a', 0, 1, 2, 3);
    expect(driver.update(0)).toEqual([
      { type: 'fold', session: 'a', client: 0, task: 0, attempt: 0, round: 0, base: 0, staleness: 0 },
    ]);
    expect(driver.update(2)).toEqual([
      { type: 'fold', session: 'a', client: 2, task: 0, attempt: 0, round: 0, base: 0, staleness: 0 },
      { type: 'aggregate', round: 0, counted: [0, 2] },
    ]);
    expect(driver.aggregated()).toEqual([
      { type: 'settle', session: 'a', task: 0, attempt: 0, counted: true, clients: [0, 2] },
      { type: 'roundFinished', round: 0, cohort: [2, 0], counted: [0, 2], ...PLAIN, evaluated: null },
      { type: 'configure', session: 'a', base: 1, task: 1, attempt: 0, clients: [2, 0] },
    ]);
    driver.update(2);
    driver.update(0);
    expect(driver.aggregated()).toEqual([
      { type: 'settle', session: 'a', task: 1, attempt: 0, counted: true, clients: [0, 2] },
      { type: 'roundFinished', round: 1, cohort: [2, 0], counted: [0, 2], ...PLAIN, evaluated: null },
      { type: 'finish', reason: 'completed', code: 'run.completed', message: expect.any(String) },
    ]);
  });

  it('says the same whatever the order of arrival', () => {
    const orders = [
      [0, 1, 2, 3],
      [3, 1, 0, 2],
    ].map((order) => {
      const driver = start({ clientsPerRound: 4, rounds: 1 });
      driver.join('a', 0, 1, 2, 3);
      for (const client of order) driver.update(client);
      driver.aggregated();
      return driver.log.filter(({ type }) => type !== 'fold');
    });
    expect(orders[0]).toEqual(orders[1]);
  });

  it('goes on from a checkpoint', () => {
    const driver = start({ firstRound: 1 });
    expect(only(driver.join('a', 0, 1, 2, 3), 'configure')).toMatchObject([{ base: 1, task: 1 }]);
    expect(driver.update(2, { task: 0 })).toMatchObject([{ type: 'discard', code: 'update.unknown-round' }]);
    driver.update(2);
    driver.update(0);
    expect(only(driver.aggregated(), 'finish')).toMatchObject([{ reason: 'completed' }]);
  });

  it('asks the sampler for each round once, with its arguments', () => {
    const asked: number[][] = [];
    const driver = start({
      sampler: {
        name: 'asked',
        permutation: (...args) => {
          asked.push(args);
          return Int32Array.of(0, 1, 2, 3);
        },
      },
      rounds: 3,
    });
    driver.join('a', 0, 1, 2, 3);
    for (let round = 0; round < 3; round++) {
      driver.update(0);
      driver.update(1);
      driver.aggregated();
    }
    expect(asked).toEqual([
      [0, 4, 2],
      [1, 4, 2],
      [2, 4, 2],
    ]);
  });

  it.each([
    ['too short', [0, 1]],
    ['naming a client twice', [1, 1, 2, 3]],
    ['naming a client that does not exist', [4, 0, 1, 2]],
    ['naming a negative client', [-1, 0, 1, 2]],
  ])('fails on an order %s', (_, order) => {
    const driver = start({ sampler: fixedOrder(...order) });
    expect(driver.join('a', 0, 1, 2, 3).at(-1)).toMatchObject({
      type: 'finish',
      reason: 'failed',
      code: 'sampler.permutation',
      message: expect.stringContaining('fixed'),
    });
  });
});

describe('abort', () => {
  it('ends the run in any phase, and stops its timers', () => {
    const waiting = start();
    const training = start({ deadlineMs: 50 });
    const aggregating = start({ deadlineMs: 50 });
    const evaluating = start({ evaluateOnClients: true, evaluationDeadlineMs: 70 });
    for (const driver of [training, aggregating, evaluating]) driver.join('a', 0, 1, 2, 3);
    for (const driver of [aggregating, evaluating]) for (const client of [0, 2]) driver.update(client);
    evaluating.aggregated();
    const finish = { type: 'finish', reason: 'cancelled', code: 'run.cancelled', message: 'Ctrl-C' };
    expect(waiting.abort()).toEqual([finish]);
    expect(training.abort()).toEqual([{ type: 'clearTimer', timer: 'train:0:0' }, finish]);
    expect(aggregating.abort()).toEqual([finish]);
    expect(evaluating.abort()).toEqual([{ type: 'clearTimer', timer: 'evaluate:0' }, finish]);
  });

  it('carries the reason of a failure', () => {
    const driver = start();
    const event = { type: 'abort', reason: 'failed', code: 'store.full', message: 'disk full' } as const;
    expect(driver.send(event)).toEqual([{ ...event, type: 'finish' }]);
  });

  it('tells who comes back what became of its update, then that it is over; whoever held its index', () => {
    const driver = start({ clientsPerRound: 4, rounds: 1 });
    driver.join('a', 0, 1);
    driver.join('b', 2, 3);
    for (const client of [0, 1, 2, 3]) driver.update(client);
    driver.send({ type: 'sessionClosed', session: 'a' });
    driver.aggregated();
    expect(driver.state.phase).toBe('finished');
    expect(driver.join('c', 0, 1, 3)).toEqual([
      {
        type: 'acceptJoin',
        session: 'c',
        ranges: [
          { from: 0, count: 2 },
          { from: 3, count: 1 },
        ],
      },
      { type: 'settle', session: 'c', task: 0, attempt: 0, clients: [0, 1], counted: true },
      { type: 'dismiss', session: 'c' },
    ]);
    expect(driver.state.membership.present).toBe(4);
    driver.send({ type: 'sessionClosed', session: 'b' });
    expect(driver.state.membership.present).toBe(3);
    // Told once: whoever tells clients repeats what counted.
    driver.send({ type: 'sessionClosed', session: 'c' });
    expect(driver.join('d', 0).map(({ type }) => type)).toEqual(['acceptJoin', 'dismiss']);
    driver.leave(0);
    expect(driver.state.membership.present).toBe(0);
  });

  it('leaves nothing but refusals', () => {
    const driver = start({ evaluateOnClients: true });
    driver.join('a', 0, 1, 2, 3);
    driver.abort();
    const effects = [
      driver.join('b', 3),
      driver.update(0),
      driver.evaluation(0),
      driver.failed(2),
      driver.invalid(2),
      driver.evaluationFailed(2),
      driver.aggregated(),
      driver.serverEvaluated(),
      driver.deadline(),
      driver.leave(0),
      driver.send({ type: 'sessionClosed', session: 'a' }),
      driver.abort(),
    ].flat();
    expect(effects.map(({ type }) => type)).toEqual(['acceptJoin', 'dismiss', 'discard', 'discardEvaluation']);
    for (const effect of effects.slice(2)) expect(effect).toMatchObject({ code: 'run.finished' });
  });
});

describe('the state', () => {
  it('can be cloned: both copies go on alike', () => {
    const driver = start();
    driver.join('a', 0, 1, 2, 3);
    driver.update(0);
    const copy = new Driver(driver.state.options);
    copy.state = cloneState(driver.state);
    copy.sessions.set(2, 'a');
    expect(copy.update(2)).toEqual(driver.update(2));
    expect(copy.aggregated()).toEqual(driver.aggregated());
  });
});
