import { describe, expect, it } from 'vitest';
import { Driver, type FlatOptions, fixedOrder, only, phaseOf, ranges } from './testing/driver.js';

/** Nothing went wrong in the round. */
const PLAIN = { uncounted: [], replaced: [], awaited: [], voided: null };

/** Four clients on two sessions, of which 0 trains; the evaluation of round 0 has been asked for. */
function start(options: Partial<FlatOptions> = {}): Driver {
  const driver = new Driver({
    clients: 4,
    clientsPerRound: 1,
    rounds: 2,
    minimumClients: 3,
    sampler: fixedOrder(0, 1, 2, 3),
    ...options,
  });
  driver.join('a', 0, 1);
  driver.join('b', 3);
  driver.update(0);
  driver.aggregated();
  return driver;
}

describe('evaluation', () => {
  it('asks all present clients, by session, and then goes on', () => {
    const driver = start();
    expect(only(driver.log, 'requestEvaluation')).toEqual([
      { type: 'requestEvaluation', session: 'a', round: 0, ranges: [{ from: 0, count: 2 }] },
      { type: 'requestEvaluation', session: 'b', round: 0, ranges: ranges(3) },
    ]);
    expect(driver.evaluation(0)).toEqual([{ type: 'recordEvaluation', session: 'a', round: 0, client: 0 }]);
    driver.evaluation(3);
    expect(driver.evaluation(1)).toEqual([
      { type: 'recordEvaluation', session: 'a', round: 0, client: 1 },
      {
        type: 'roundFinished',
        round: 0,
        cohort: [0],
        counted: [0],
        ...PLAIN,
        evaluated: { recorded: [{ from: 0, count: 2 }, ...ranges(3)], missing: [] },
      },
      { type: 'configure', session: 'a', base: 1, task: 1, attempt: 0, clients: [0] },
    ]);
  });

  it('waits for the server as well, whoever is first', () => {
    const serverLast = start({ evaluateOnServer: true });
    for (const client of [0, 1, 3]) expect(only(serverLast.evaluation(client), 'roundFinished')).toEqual([]);
    expect(only(serverLast.serverEvaluated(), 'roundFinished')).toHaveLength(1);
    const clientsLast = start({ evaluateOnServer: true });
    expect(only(clientsLast.serverEvaluated(), 'roundFinished')).toEqual([]);
    for (const client of [0, 1]) clientsLast.evaluation(client);
    expect(only(clientsLast.evaluation(3), 'roundFinished')).toHaveLength(1);
  });

  it('can be on the server alone', () => {
    const driver = start({ evaluateOnClients: false, evaluateOnServer: true });
    expect(only(driver.log, 'requestEvaluation')).toEqual([]);
    expect(only(driver.log, 'evaluateOnServer')).toEqual([{ type: 'evaluateOnServer', round: 0 }]);
    expect(driver.serverEvaluated(1)).toEqual([]);
    expect(only(driver.serverEvaluated(), 'roundFinished')).toMatchObject([
      { evaluated: { recorded: [], missing: [] } },
    ]);
  });

  it.each([
    [1, [0, 1, 2, 3, 4]],
    [2, [0, 2, 4]],
    [3, [0, 3, 4]],
    [0, [4]],
    [100, [0, 4]],
  ])('every %i rounds, of 5: %j', (evaluateEvery, expected) => {
    const driver = new Driver({ clients: 1, clientsPerRound: 1, rounds: 5, evaluateEvery });
    driver.join('a', 0);
    while (phaseOf(driver.state) !== 'finished') {
      driver.update(0);
      if (phaseOf(driver.state) === 'aggregating') driver.aggregated();
      if (phaseOf(driver.state) === 'evaluating') driver.evaluation(0);
    }
    const rounds = only(driver.log, 'roundFinished');
    expect(rounds.map(({ round }) => round)).toEqual([0, 1, 2, 3, 4]);
    expect(rounds.filter(({ evaluated }) => evaluated !== null).map(({ round }) => round)).toEqual(expected);
  });

  it('does not wait for clients that failed or left; it names them once', () => {
    const driver = start();
    expect(driver.evaluationFailed(1)).toEqual([]);
    expect(driver.leave(3)).toEqual([]);
    expect(driver.evaluation(0)).toMatchObject([
      { type: 'recordEvaluation' },
      { type: 'warn', code: 'evaluation.missing', message: expect.stringMatching(/clients 1, 3.*client 1: no data/) },
      { type: 'roundFinished', evaluated: { recorded: ranges(0), missing: ranges(1, 3) } },
      { type: 'configure' },
    ]);
  });

  it('goes on when the last awaited client leaves', () => {
    const driver = start();
    driver.evaluation(3);
    expect(only(driver.send({ type: 'sessionClosed', session: 'a' }), 'roundFinished')).toMatchObject([
      { evaluated: { recorded: ranges(3), missing: [{ from: 0, count: 2 }] } },
    ]);
  });

  it('keeps the result of a client that leaves afterwards', () => {
    const driver = start();
    driver.evaluation(3);
    driver.leave(3);
    driver.evaluation(0);
    expect(only(driver.evaluation(1), 'roundFinished')).toMatchObject([
      { evaluated: { recorded: [{ from: 0, count: 2 }, ...ranges(3)], missing: [] } },
    ]);
  });

  it('asks who joins in the middle of it, beside the others', () => {
    const driver = start();
    expect(driver.join('b', 2).slice(1)).toEqual([
      { type: 'requestEvaluation', session: 'b', round: 0, ranges: ranges(2) },
    ]);
    for (const client of [0, 1, 3]) expect(only(driver.evaluation(client), 'roundFinished')).toEqual([]);
    expect(only(driver.evaluation(2), 'roundFinished')).toMatchObject([
      { evaluated: { recorded: [{ from: 0, count: 4 }], missing: [] } },
    ]);
  });

  it('asks again who left and comes back before it is over, but for what it has answered or could not do', () => {
    const driver = start();
    driver.leave(1, 3);
    expect(only(driver.join('c', 0, 1, 3), 'requestEvaluation')).toEqual([
      { type: 'requestEvaluation', session: 'c', round: 0, ranges: ranges(1, 3) },
    ]);
    driver.evaluation(0);
    driver.evaluationFailed(1);
    driver.leave(1);
    expect(only(driver.join('d', 1), 'requestEvaluation')).toEqual([]);
    driver.leave(0);
    expect(only(driver.join('d', 0), 'requestEvaluation')).toEqual([]);
    expect(only(driver.evaluation(3), 'roundFinished')).toMatchObject([
      { evaluated: { recorded: ranges(0, 3), missing: ranges(1) } },
    ]);
  });

  it('asks again after the last one left, while the server evaluates; with the deadline that there was, or its own', () => {
    const driver = start({ evaluationDeadlineMs: 30, evaluateOnServer: true });
    driver.leave(0, 1, 3);
    expect(only(driver.join('c', 1), 'requestEvaluation')).toMatchObject([{ ranges: ranges(1) }]);
    expect(only(driver.log, 'setTimer')).toHaveLength(1);
    expect(only(driver.serverEvaluated(), 'roundFinished')).toEqual([]);
    expect(only(driver.evaluation(1), 'roundFinished')).toMatchObject([
      { evaluated: { recorded: ranges(1), missing: ranges(0, 3) } },
    ]);

    const late = start({ evaluationDeadlineMs: 30, evaluateOnServer: true });
    late.leave(3);
    late.deadline();
    expect(only(late.join('c', 3), 'requestEvaluation')).toEqual([]);

    const nobody = new Driver({
      clients: 2,
      clientsPerRound: 1,
      rounds: 1,
      sampler: fixedOrder(0, 1),
      evaluationDeadlineMs: 30,
      evaluateOnServer: true,
    });
    nobody.join('a', 0, 1);
    nobody.update(0);
    nobody.send({ type: 'sessionClosed', session: 'a' });
    expect(only(nobody.aggregated(), 'setTimer')).toEqual([]);
    expect(nobody.join('b', 1).slice(1)).toEqual([
      { type: 'requestEvaluation', session: 'b', round: 0, ranges: ranges(1) },
      { type: 'setTimer', timer: 'evaluate:0', delayMs: 30 },
    ]);
  });

  it('says when nobody is there', () => {
    const driver = new Driver({ clients: 2, clientsPerRound: 1, rounds: 1, sampler: fixedOrder(0, 1) });
    driver.join('a', 0, 1);
    driver.update(0);
    driver.send({ type: 'sessionClosed', session: 'a' });
    expect(driver.aggregated()).toMatchObject([
      { type: 'warn', code: 'evaluation.nobody' },
      { type: 'roundFinished', evaluated: { recorded: [], missing: [] } },
      { type: 'finish', reason: 'completed' },
    ]);
  });

  it('has a deadline of its own, for the clients', () => {
    const driver = start({ evaluationDeadlineMs: 30 });
    expect(only(driver.log, 'setTimer')).toEqual([{ type: 'setTimer', timer: 'evaluate:0', delayMs: 30 }]);
    driver.evaluation(0);
    expect(driver.deadline()).toMatchObject([
      { type: 'warn', code: 'evaluation.missing' },
      { type: 'roundFinished', evaluated: { recorded: ranges(0), missing: ranges(1, 3) } },
      { type: 'configure' },
    ]);
    expect(driver.deadline()).toEqual([]);
  });

  it('does not wait for a session that is not read from; its clients lose turns, but for who has answered', () => {
    const driver = start({ rounds: 4, evaluateEvery: 1 });
    driver.send({ type: 'evaluatorsUnread', session: 'nobody' });
    driver.evaluation(3);
    driver.evaluation(0);
    expect(driver.send({ type: 'evaluatorsUnread', session: 'a' })).toMatchObject([
      { type: 'warn', code: 'evaluation.missing' },
      { type: 'roundFinished', evaluated: { recorded: ranges(0, 3), missing: ranges(1) } },
      { type: 'configure' },
    ]);
    driver.update(0);
    driver.aggregated();
    expect(only(driver.log, 'requestEvaluation').slice(-2)).toMatchObject([
      { ranges: ranges(0) },
      { ranges: ranges(3) },
    ]);
  });

  it('takes turns once in an evaluation, however often a session is not read from', () => {
    const requests = (times: number) => {
      const driver = start({ rounds: 9, evaluateEvery: 1, evaluateOnServer: true });
      for (let time = 0; time < times; time += 1) driver.send({ type: 'evaluatorsUnread', session: 'a' });
      driver.evaluation(3);
      driver.serverEvaluated();
      for (let round = 1; round < 6; round += 1) {
        driver.update(0);
        driver.aggregated();
        for (const client of [0, 1, 3]) driver.evaluation(client);
        driver.serverEvaluated();
      }
      return only(driver.log, 'requestEvaluation');
    };
    expect(requests(9)).toEqual(requests(1));
    expect(requests(1)).not.toEqual(requests(0));
  });

  it('lets the server finish after the deadline, and takes no more from clients', () => {
    const driver = start({ evaluationDeadlineMs: 30, evaluateOnServer: true });
    expect(driver.deadline()).toEqual([]);
    expect(driver.evaluation(0)).toMatchObject([{ type: 'discardEvaluation', code: 'evaluation.late' }]);
    expect(only(driver.serverEvaluated(), 'roundFinished')).toMatchObject([{ evaluated: { recorded: [] } }]);
  });

  it('clears the deadline when the server has answered too: until then somebody may come', () => {
    const driver = start({ evaluationDeadlineMs: 30, evaluateOnServer: true });
    for (const client of [0, 1]) driver.evaluation(client);
    expect(driver.evaluation(3)).toEqual([expect.objectContaining({ type: 'recordEvaluation' })]);
    expect(only(driver.serverEvaluated(), 'clearTimer')).toEqual([{ type: 'clearTimer', timer: 'evaluate:0' }]);
  });
});

describe('a result is dropped by name', () => {
  it.each([
    ['evaluation.unknown-round', 0, { round: 1 }],
    ['evaluation.unknown-round', 0, { round: Number.NaN }],
    ['evaluation.not-asked', 2, { session: 'a' }],
    ['evaluation.not-asked', -1, { session: 'a' }],
    ['evaluation.not-asked', 0.5, { session: 'a' }],
    ['evaluation.wrong-session', 0, { session: 'b' }],
  ])('%s', (code, client, tag) => {
    expect(start().evaluation(client, tag)).toMatchObject([{ type: 'discardEvaluation', client, code }]);
  });

  it('when it is repeated, or comes after a failure', () => {
    const driver = start();
    driver.evaluation(0);
    expect(driver.evaluation(0)).toMatchObject([{ code: 'evaluation.repeated' }]);
    driver.evaluationFailed(1);
    expect(driver.evaluation(1)).toMatchObject([{ code: 'evaluation.late' }]);
    expect(driver.evaluationFailed(1)).toEqual([]);
  });

  it('when its client left and came back', () => {
    const driver = start();
    driver.leave(0);
    expect(driver.evaluation(0, { session: 'a' })).toMatchObject([{ code: 'evaluation.wrong-session' }]);
    driver.join('new', 0);
    expect(driver.evaluation(0, { session: 'a' })).toMatchObject([{ code: 'evaluation.wrong-session' }]);
    expect(driver.evaluation(0)).toMatchObject([{ type: 'recordEvaluation' }]);
  });

  it('outside of an evaluation', () => {
    const driver = start();
    for (const client of [0, 1, 3]) driver.evaluation(client);
    expect(driver.evaluation(0)).toMatchObject([{ code: 'evaluation.not-asked' }]);
    expect(driver.evaluation(0, { round: 0 })).toMatchObject([{ code: 'evaluation.late' }]);
    expect(driver.evaluationFailed(0)).toEqual([]);
    expect(driver.serverEvaluated()).toEqual([]);
    expect(driver.aggregated()).toEqual([]);
  });
});
