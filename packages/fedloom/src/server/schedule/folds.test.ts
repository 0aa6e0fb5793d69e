import { describe, expect, it } from 'vitest';
import { Driver, type FlatOptions, fixedOrder, only } from './testing/driver.js';

/** Four clients on one session; 0 and 1 train in round 1, then 1 and 2, then 0 and 1 again. */
function start(options: Partial<FlatOptions> = {}): Driver {
  const orders = [
    [0, 1, 2, 3],
    [1, 2, 3, 0],
  ];
  const driver = new Driver({
    clients: 4,
    clientsPerRound: 2,
    rounds: 4,
    evaluateOnClients: false,
    sampler: { name: 'by turns', permutation: (round) => Int32Array.from(orders[round % 2] ?? []) },
    ...options,
  });
  driver.join('a', 0, 1, 2, 3);
  return driver;
}

/** Both updates of a round. */
function train(driver: Driver, ...clients: number[]): void {
  for (const client of clients) driver.update(client);
}

describe('what a round decided', () => {
  it('is written down before anybody is told, and the next round does not wait for the disk', () => {
    const driver = start();
    train(driver, 0, 1);
    const made = driver.send({ type: 'aggregated', round: 0 });
    expect(made).toMatchObject([
      {
        type: 'persist',
        round: 0,
        cohort: [0, 1],
        counted: [
          { client: 0, base: 0, task: 0, attempt: 0 },
          { client: 1, base: 0, task: 0, attempt: 0 },
        ],
        uncounted: [],
        voided: null,
      },
      { type: 'dropVersion', number: 0 },
      { type: 'configure', base: 1, task: 1, clients: [2] },
    ]);
    expect(driver.persisted(0)).toMatchObject([
      { type: 'settle', task: 0, clients: [0, 1], counted: true },
      { type: 'roundFinished', round: 0, counted: [0, 1] },
      { type: 'configure', base: 1, task: 1, clients: [1] },
    ]);
  });

  it('is finished before the next is aggregated, however slow the disk', () => {
    const driver = start({ quorum: 1, graceMs: 10 });
    train(driver, 0, 1);
    driver.send({ type: 'aggregated', round: 0 });
    driver.update(2);
    expect(driver.leave(1)).toMatchObject([{ type: 'setTimer', timer: 'grace:0' }]);
    expect(only(driver.log, 'aggregate')).toHaveLength(1);
    expect(driver.persisted(0)).toMatchObject([
      { type: 'settle', clients: [0] },
      { type: 'roundFinished', round: 0 },
    ]);
    expect(driver.persisted(0)).toEqual([]);
    const back = driver.join('b', 1);
    expect(back).toMatchObject([
      { type: 'acceptJoin' },
      { type: 'settle', clients: [1], task: 0, counted: true },
      { type: 'configure', clients: [1], task: 1 },
    ]);
  });

  it('waits for its turn when the round before is still being written', () => {
    const driver = start({ deadlineMs: 10, quorum: 1 });
    train(driver, 0, 1);
    driver.send({ type: 'aggregated', round: 0 });
    // Client 1 is not asked yet: the deadline, which runs for clients, has not begun.
    expect(only(driver.update(2), 'aggregate')).toEqual([]);
    expect(only(driver.log, 'setTimer')).toHaveLength(1);
    expect(only(driver.persisted(0), 'setTimer')).toMatchObject([{ timer: 'train:1:0' }]);
    expect(only(driver.deadline(), 'aggregate')).toEqual([{ type: 'aggregate', round: 1, counted: [2] }]);
  });

  it('decides who replaces whom as a fast disk would', () => {
    const slow = start();
    const fast = start();
    for (const driver of [slow, fast]) train(driver, 0, 1);
    slow.send({ type: 'aggregated', round: 0 });
    fast.aggregated(0);
    expect(only(slow.failed(2), 'configure')).toEqual([]);
    fast.failed(2);
    slow.persisted(0);
    for (const driver of [slow, fast]) {
      train(driver, 1, 3);
      expect(only(driver.log, 'aggregate').at(-1)).toEqual({ type: 'aggregate', round: 1, counted: [1, 3] });
    }
  });

  it('is awaited before a round is given up', () => {
    const driver = start({ clients: 2, clientsPerRound: 1, minimumClients: 2, sampler: fixedOrder(0, 1) });
    driver.update(0);
    driver.send({ type: 'aggregated', round: 0 });
    driver.persisted(0);
    driver.failed(0);
    driver.update(1);
    driver.send({ type: 'aggregated', round: 1 });
    expect(only(driver.log, 'finish')).toEqual([]);
  });

  it('says of each that does not count why', () => {
    const driver = start({ deadlineMs: 10, quorum: 1 });
    driver.failed(0);
    driver.update(1);
    driver.deadline();
    const [{ uncounted, replaced } = { uncounted: [], replaced: [] }] = only(
      driver.send({ type: 'aggregated', round: 0 }),
      'persist',
    );
    expect(uncounted).toMatchObject([
      { client: 0, task: 0, attempt: 0, code: 'train.failed', message: 'no memory' },
      { client: 2, task: 0, attempt: 1, code: 'round.deadline' },
    ]);
    expect(replaced).toEqual([{ client: 0, by: 2, reason: 'no memory' }]);
  });
});

describe('evaluation on the server', () => {
  it('comes before the record; clients evaluate beside it', () => {
    const driver = start({ evaluateOnServer: true, evaluateOnClients: true });
    train(driver, 0, 1);
    const made = driver.send({ type: 'aggregated', round: 0 });
    expect(made.map(({ type }) => type)).toEqual(['requestEvaluation', 'evaluateOnServer']);
    for (const client of [0, 1, 2, 3]) driver.evaluation(client);
    const evaluated = driver.send({ type: 'serverEvaluated', round: 0 });
    expect(evaluated.map(({ type }) => type)).toEqual(['persist', 'dropVersion', 'configure']);
    expect(only(driver.persisted(0), 'roundFinished')).toMatchObject([
      { evaluated: { recorded: [{ from: 0, count: 4 }] } },
    ]);
  });

  it('of clients waits for their settlement where they keep something of their own', () => {
    const driver = start({ evaluateOnServer: true, evaluateOnClients: true, evaluateAfterSettlement: true });
    train(driver, 0, 1);
    expect(driver.send({ type: 'aggregated', round: 0 })).toMatchObject([{ type: 'evaluateOnServer' }]);
    const written = driver.send({ type: 'serverEvaluated', round: 0 });
    expect(written.map(({ type }) => type)).toEqual(['persist', 'dropVersion']);
    const told = driver.persisted(0);
    expect(told.map(({ type }) => type)).toEqual(['settle', 'requestEvaluation']);
    for (const client of [0, 1, 2]) driver.evaluation(client);
    expect(driver.evaluation(3).map(({ type }) => type)).toEqual(['recordEvaluation', 'roundFinished', 'configure']);
  });
});

describe('a candidate that is not finite', () => {
  it.each(['before', 'at'] as const)(
    'voids the round %s its evaluation: nobody counts, and the run goes on',
    (when) => {
      const driver = start({ evaluateOnServer: true, evaluateOnClients: true, evaluationDeadlineMs: 50 });
      train(driver, 0, 1);
      if (when === 'at') driver.send({ type: 'aggregated', round: 0 });
      const voided = driver.voided(0);
      expect(only(voided, 'clearTimer')).toHaveLength(when === 'at' ? 1 : 0);
      expect(only(voided, 'warn')).toMatchObject([{ code: 'round.void', message: expect.stringContaining('Round 1') }]);
      expect(only(voided, 'persist')).toMatchObject([
        {
          counted: [],
          uncounted: [
            { client: 0, attempt: 0, code: 'model.not-finite' },
            { client: 1, attempt: 0, code: 'model.not-finite' },
          ],
          voided: { code: 'model.not-finite', message: 'The loss is NaN.' },
        },
      ]);
      expect(only(voided, 'settle')).toEqual([]);
      expect(driver.persisted(0)).toMatchObject([
        { type: 'settle', clients: [0, 1], counted: false, code: 'model.not-finite', reason: 'The loss is NaN.' },
        { type: 'roundFinished', round: 0, counted: [], evaluated: null, voided: { code: 'model.not-finite' } },
        { type: 'configure', task: 1, clients: [1] },
      ]);
      expect(driver.evaluation(0, { round: 0 })).toMatchObject([{ code: 'evaluation.late' }]);
    },
  );

  it('ends the run when it happens several times in a row, after the record', () => {
    const driver = start({ voidRoundsMax: 2 });
    for (const [round, clients] of [
      [0, [0, 1]],
      [1, [1, 2]],
      [2, [0, 1]],
    ] as const) {
      train(driver, ...clients);
      if (round === 0) driver.aggregated(0);
      else driver.voided(round);
      if (round > 0) driver.persisted(round);
    }
    const last = driver.log.slice(-2);
    expect(last).toMatchObject([
      { type: 'roundFinished', round: 2 },
      {
        type: 'finish',
        reason: 'failed',
        code: 'round.void',
        message: expect.stringMatching(/last 2 rounds.*loss is NaN/),
      },
    ]);
  });

  it('is forgotten by one that passes', () => {
    const driver = start({ voidRoundsMax: 2, sampler: fixedOrder(0, 1, 2, 3) });
    for (let round = 0; round < 4; round++) {
      train(driver, 0, 1);
      if (round % 2 === 1) driver.aggregated(round);
      else driver.voided(round);
      driver.persisted(round);
    }
    expect(driver.log.at(-1)).toMatchObject({ type: 'finish', reason: 'completed' });
  });

  it('is not one that is on the disk already, nor one of another round', () => {
    const driver = start();
    train(driver, 0, 1);
    expect(driver.voided(1)).toEqual([]);
    driver.send({ type: 'aggregated', round: 0 });
    expect(driver.voided(0)).toEqual([]);
    driver.persisted(0);
    expect(driver.voided(0)).toEqual([]);
  });
});
