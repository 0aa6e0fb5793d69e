import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientIndex, nextVersion, versionNumber } from '../../core/brands.js';
import { expandRanges } from '../../core/index-ranges.js';
import { buffered } from './buffered.js';
import { initialState, step } from './coordinator.js';
import type { RecordedFold } from './recorded-course.js';
import { replay } from './replay.js';
import { rounds } from './rounds.js';
import { fedmlSampling } from './sampling.js';
import type { CoordinatorOptions } from './schedule.js';
import { BufferedAuditor } from './testing/buffered-auditor.js';
import { Driver, only } from './testing/driver.js';
import { RoundsAuditor } from './testing/rounds-auditor.js';
import { choice, World } from './testing/world.js';
import type { CoordinatorEffect, CoordinatorEvent, CountedUpdate } from './types.js';

const sampler = fedmlSampling();
const common = { evaluateOnServer: false, voidRoundsMax: 100 };

const world = fc
  .record({
    clients: fc.integer({ min: 1, max: 7 }),
    rounds: fc.integer({ min: 1, max: 5 }),
    size: fc.nat(6),
    more: fc.nat(6),
    graceMs: fc.constantFrom(null, 0, 10),
    evaluateAfterSettlement: fc.boolean(),
    isBuffered: fc.boolean(),
  })
  .map(({ clients, size, more, isBuffered, ...rest }) => (): World => {
    const many = 1 + (size % clients);
    const shared = { deadlineMs: 100, quorum: 1, sampler };
    if (isBuffered) {
      const settings = { ...shared, concurrency: 1 + (more % clients), bufferSize: many, stalenessMax: null };
      const options = { ...rest, ...common, clients, minimumClients: 1, schedule: buffered(settings) };
      return new World(options, (resolved) => new BufferedAuditor(resolved, settings));
    }
    const settings = { ...shared, clientsPerRound: many, overSelect: 1.5, attemptsMax: 2 };
    const options = { ...rest, ...common, clients, minimumClients: 1, schedule: rounds(settings) };
    return new World(options, (resolved) => new RoundsAuditor(resolved, settings));
  });

/** A run that somebody else may follow, as its decisions tell it. */
const recorded = (effects: readonly CoordinatorEffect[]): RecordedFold[] => {
  const evaluated = new Map(only(effects, 'roundFinished').map(({ round, evaluated: by }) => [round, by?.recorded]));
  return only(effects, 'persist').map(({ round, counted, voidUpdates, voided }) => {
    const evaluators = evaluated.get(round);
    const updates = voided === null ? counted : voidUpdates;
    return { updates, isVoid: voided !== null, ...(evaluators && { evaluators }) };
  });
};

/** What the fold effects say was folded, in the form of a name for the model that came of it. */
const foldsOf = (effects: readonly CoordinatorEffect[], versions: readonly number[]) =>
  only(effects, 'fold').map(({ client, task, base, round }, i) => `${round}: ${client} ${task} ${base} ${versions[i]}`);

/** Replays with peers that answer in an order of their own, and returns all effects. */
function follow(folds: readonly RecordedFold[], options: CoordinatorOptions, picks: readonly number[]) {
  const { clients, evaluateAfterSettlement = false } = options;
  const schedule = replay(folds, clients);
  let state = initialState({
    ...{ ...common, clients, rounds: folds.length, schedule, evaluateAfterSettlement },
  });
  const effects: CoordinatorEffect[] = [];
  const newest: number[] = [];
  /** What somebody owes. */
  const pending: CoordinatorEvent[] = [];
  const unsettled = new Set<number>();
  const dropped = new Set<number>();
  const send = (event: CoordinatorEvent) => {
    const was = state.version;
    const done = step(state, event);
    state = done.state;
    for (const effect of done.effects) {
      effects.push(effect);
      pending.push(...answersTo(effect, folds));
      if (effect.type === 'fold') {
        newest.push(was);
        assert.ok(!dropped.has(effect.base), 'what it started from is still there');
        unsettled.add(effect.client);
      } else if (effect.type === 'settle') {
        for (const client of effect.clients) unsettled.delete(client);
      } else if (effect.type === 'dropVersion') {
        dropped.add(effect.number);
      } else if (effect.type === 'configure') {
        assert.ok(!effect.clients.some((client) => unsettled.has(client)), 'nobody trains with an update unsettled');
      }
    }
  };
  send({ type: 'clientsJoined', session: 's', ranges: [{ from: 0, count: clients }] });
  let held = 0;
  for (let turn = 0; state.phase !== 'finished'; turn += 1) {
    const ready = pending.filter((event) => event.type !== 'updateReceived' || schedule.isDue(state, event));
    held = Math.max(held, pending.length - ready.length);
    const event = ready[(picks[turn % picks.length] ?? 0) % ready.length];
    assert.ok(event !== undefined, 'it is never stuck');
    pending.splice(pending.indexOf(event), 1);
    send(event);
  }
  assert.ok(held <= schedule.heldMax, 'no more is held than was said');
  return { effects, newest };
}

function answersTo(effect: CoordinatorEffect, folds: readonly RecordedFold[]): CoordinatorEvent[] {
  switch (effect.type) {
    case 'configure': {
      const { session, task, attempt, clients } = effect;
      return clients.map((client) => ({ type: 'updateReceived', session, client, task, attempt }));
    }
    case 'aggregate': {
      const { round } = effect;
      const reason = { code: 'model.not-finite', message: 'NaN' };
      return [folds[round]?.isVoid ? { type: 'aggregationVoided', round, ...reason } : { type: 'aggregated', round }];
    }
    case 'persist':
      return [{ type: 'persisted', round: effect.round }];
    case 'requestEvaluation': {
      const { session, round, ranges } = effect;
      return expandRanges(ranges).map((client) => ({ type: 'evaluationReceived', session, round, client }));
    }
    default:
      return [];
  }
}

const update = (client: number, over: Partial<CountedUpdate> = {}): CountedUpdate => ({
  ...{ client: clientIndex(client), base: nextVersion(), task: 0, attempt: 0, newest: nextVersion() },
  ...over,
});
const fold = (...updates: CountedUpdate[]): RecordedFold => ({ updates, isVoid: false });

describe('replay', () => {
  it('follows any run, whatever befell it and in whatever order its own clients answer: same folds, same evaluations', () => {
    let lost = 0;
    let stale = 0;
    let voided = 0;
    const lives = fc.array(fc.array(choice, { maxLength: 50, size: 'max' }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(world, lives, fc.array(fc.nat(1000), { minLength: 1, maxLength: 50 }), (make, courses, picks) => {
        const original = make();
        for (const [life, course] of courses.entries()) {
          for (const next of course) original.happen(next);
          if (life < courses.length - 1 && !original.crash(life % 2 === 0)) return;
        }
        original.settle();
        const { decisions } = original.auditor;
        const finished = only(original.effects.flat(), 'roundFinished');
        const folds = recorded([...decisions, ...finished]);
        if (folds.length === 0) return;
        const { effects, newest } = follow(folds, original.options, picks);
        assert.deepEqual(only(effects, 'finish')[0]?.reason, 'completed');
        const expected = folds.flatMap(({ updates }, round) =>
          updates.map(({ client, task, base, newest: at }) => `${round}: ${client} ${task} ${base} ${at}`),
        );
        assert.deepEqual(foldsOf(effects, newest).sort(), expected.sort());
        for (const { round, evaluated } of finished) {
          const again = only(effects, 'roundFinished')[round]?.evaluated;
          if (evaluated !== null) assert.deepEqual(again?.recorded, evaluated.recorded);
        }
        lost += decisions.filter(({ uncounted, voided: isVoid }) => uncounted.length > 0 && isVoid === null).length;
        stale += folds.flatMap(({ updates }) => updates).filter(({ base, newest: at }) => base < at).length;
        voided += folds.filter(({ isVoid }) => isVoid).length;
      }),
      { numRuns: 1500 },
    );
    // Else it would say little.
    expect(Math.min(lost, stale, voided)).toBeGreaterThan(30);
  });

  it('asks for an update of a later fold at once, and holds it until its turn', () => {
    // Client 1 trained through two versions; client 2 came in before the first was made, and went into the second.
    const folds = [
      fold(update(0)),
      fold(update(2), update(3, { base: versionNumber(1), newest: versionNumber(1) })),
      fold(update(1, { newest: versionNumber(2) })),
    ];
    const schedule = replay(folds, 4);
    const driver = new Driver({ ...common, clients: 4, rounds: 3, evaluateOnClients: false, schedule });
    expect(only(driver.join('s', 0, 1, 2, 3), 'configure')).toMatchObject([{ base: 0, clients: [0, 2, 1] }]);
    const due = (...clients: number[]) =>
      clients.filter((client) => schedule.isDue(driver.state, { client: clientIndex(client), task: 0 }));
    expect(due(0, 1, 2)).toEqual([0, 2]);
    expect(only(driver.update(0), 'aggregate')).toEqual([]);
    expect(only(driver.update(2), 'aggregate')).toEqual([{ type: 'aggregate', round: 0, counted: [0] }]);
    expect(only(driver.aggregated(), 'configure')).toMatchObject([{ base: 1, clients: [3] }]);
    expect(due(1, 3)).toEqual([3]);
    expect(only(driver.update(3), 'aggregate')).toEqual([{ type: 'aggregate', round: 1, counted: [2, 3] }]);
    driver.aggregated();
    expect(due(1)).toEqual([1]);
    driver.update(1);
    expect(only(driver.aggregated(), 'finish')).toMatchObject([{ reason: 'completed' }]);
    expect(schedule.heldMax).toBe(1);
  });

  it('ends as failed when a client cannot do again what it did, or leaves', () => {
    const options = { ...common, clients: 2, rounds: 1, schedule: replay([fold(update(0), update(1))], 2) };
    const first = new Driver(options);
    first.join('s', 0, 1);
    expect(only(first.failed(1), 'finish')).toMatchObject([
      {
        reason: 'failed',
        code: 'replay.client-failed',
        message: expect.stringMatching(/^Client 1 cannot .* no memory/),
      },
    ]);
    const second = new Driver(options);
    second.join('s', 0, 1);
    expect(only(second.leave(0), 'finish')).toMatchObject([{ reason: 'failed', code: 'replay.client-left' }]);
  });

  it('takes nothing that it did not ask for, and nothing twice', () => {
    const driver = new Driver({ ...common, clients: 2, rounds: 1, schedule: replay([fold(update(0), update(1))], 2) });
    driver.join('s', 0, 1);
    driver.update(0);
    const codeOf = (effects: readonly CoordinatorEffect[]) => only(effects, 'discard')[0]?.code;
    expect(codeOf(driver.update(0))).toBe('update.unknown-task');
    expect(codeOf(driver.update(1, { task: 1 }))).toBe('update.unknown-task');
    expect(codeOf(driver.update(1, { attempt: 1 }))).toBe('update.unknown-attempt');
    expect(codeOf(driver.update(1, { session: 'other' }))).toBe('update.wrong-session');
  });

  it.each<[string, readonly RecordedFold[]]>([
    ['nothing was folded', [fold()]],
    ["is not of the federation's 3 clients", [fold(update(3))]],
    ['starts from version 1, and was taken in at version 0', [fold(update(0, { base: versionNumber(1) }))]],
    ['was taken in at version 1, and no round before had made that', [fold(update(0, { newest: versionNumber(1) }))]],
    ['is there twice', [fold(update(0), update(0, { task: 1 }))]],
    [
      'is of task 0, and one of task 0 was folded before',
      [fold(update(0)), fold(update(0, { base: versionNumber(1), newest: versionNumber(1) }))],
    ],
    [
      'starts from version 0, while its last was settled at version 1',
      [fold(update(0)), fold(update(0, { task: 1, newest: versionNumber(1) }))],
    ],
  ])('refuses what cannot have been: %s', (why, folds) => {
    expect(() => replay(folds, 3)).toThrow(
      expect.objectContaining({ code: 'replay.decisions', message: expect.stringContaining(why) }),
    );
  });
});
