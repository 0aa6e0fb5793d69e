import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buffered } from './buffered.js';
import { initialState, step } from './coordinator.js';
import { rounds } from './rounds.js';
import { fedmlSampling } from './sampling.js';
import type { CoordinatorOptions, CoordinatorState } from './schedule.js';
import { BufferedAuditor } from './testing/buffered-auditor.js';
import { cloneState } from './testing/driver.js';
import { RoundsAuditor } from './testing/rounds-auditor.js';
import { choice, World } from './testing/world.js';
import type { CoordinatorEvent } from './types.js';

const common = {
  clients: fc.integer({ min: 1, max: 8 }),
  minimum: fc.nat(7),
  rounds: fc.integer({ min: 1, max: 4 }),
  evaluateEvery: fc.nat(3),
  evaluationDeadlineMs: fc.constantFrom(null, 100),
  evaluateOnClients: fc.boolean(),
  evaluateOnServer: fc.boolean(),
  evaluateAfterSettlement: fc.boolean(),
  graceMs: fc.constantFrom(null, null, 0, 10),
  noticeEveryMs: fc.constantFrom(null, 10),
  waitForClientsMs: fc.constantFrom(null, null, null, 100),
  firstAttempt: fc.constantFrom(0, 0, 5),
  voidRoundsMax: fc.integer({ min: 1, max: 3 }),
  deadlineMs: fc.constantFrom(null, 100),
  size: fc.nat(7),
  quorum: fc.nat(7),
  attemptsMax: fc.nat(2),
  concurrency: fc.nat(7),
  stalenessMax: fc.constantFrom(null, 0, 1, 2),
  overSelect: fc.constantFrom(1, 1, 1.3, 2),
  quarantineAfter: fc.constantFrom(null, 1, 2),
};
const sampler = fedmlSampling();

/** A run under one of the schedules, under audit. */
type NewWorld = () => World;

const inRounds: fc.Arbitrary<NewWorld> = fc.record(common).map((given) => {
  const { size, minimum, deadlineMs, attemptsMax, overSelect, ...rest } = given;
  const clientsPerRound = 1 + (size % rest.clients);
  const quorum = 1 + (rest.quorum % clientsPerRound);
  const settings = { clientsPerRound, overSelect, deadlineMs, quorum, attemptsMax, sampler };
  const options = { ...rest, minimumClients: 1 + (minimum % rest.clients), schedule: rounds(settings) };
  return shown(options, () => new World(options, (resolved) => new RoundsAuditor(resolved, settings)));
});

const inBuffers: fc.Arbitrary<NewWorld> = fc.record(common).map((given) => {
  const { size, minimum, deadlineMs, stalenessMax, ...rest } = given;
  const bufferSize = 1 + (size % rest.clients);
  const settings = {
    concurrency: 1 + (rest.concurrency % rest.clients),
    bufferSize,
    stalenessMax,
    deadlineMs,
    quorum: 1 + (rest.quorum % bufferSize),
    sampler,
  };
  const options = { ...rest, minimumClients: 1 + (minimum % rest.clients), schedule: buffered(settings) };
  return shown(options, () => new World(options, (resolved) => new BufferedAuditor(resolved, settings)));
});

/** So that a counterexample shows what it is one of. */
function shown(options: CoordinatorOptions, make: NewWorld): NewWorld {
  const { schedule, ...rest } = options;
  const text = JSON.stringify({ ...rest, schedule: { name: schedule.name, ...schedule.settings } });
  return Object.assign(make, { [fc.toStringMethod]: () => text });
}

describe.each([
  ['rounds', inRounds],
  ['buffered', inBuffers],
] as const)('%s, under any course of events', (_, newWorld) => {
  it('keeps its promises, is never stuck, and ends once the peers do what is asked', () => {
    const ends = new Map<string, number>();
    fc.assert(
      fc.property(newWorld, fc.array(choice, { maxLength: 80, size: 'max' }), (make, choices) => {
        const world = make();
        for (const next of choices) world.happen(next);
        world.settle();
        const end = world.auditor.finished?.reason ?? 'none';
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }),
      { numRuns: 3000 },
    );
    // The courses are worth something only if both ends are common among them.
    expect(ends.get('completed')).toBeGreaterThan(500);
    expect(ends.get('failed')).toBeGreaterThan(200);
  });

  it('goes on after crashes of the server, and settles nothing otherwise than before', () => {
    const choices = fc.array(choice, { maxLength: 40, size: 'max' });
    let crashes = 0;
    let completed = 0;
    fc.assert(
      fc.property(newWorld, fc.array(fc.tuple(choices, fc.boolean()), { maxLength: 4 }), (make, lives) => {
        const world = make();
        for (const [course, written] of lives) {
          for (const next of course) world.happen(next);
          if (!world.crash(written)) return;
          crashes += 1;
        }
        world.settle();
        if (world.auditor.finished?.reason === 'completed') completed += 1;
      }),
      { numRuns: 2000 },
    );
    expect(crashes).toBeGreaterThan(1000);
    expect(completed).toBeGreaterThan(200);
  });

  it('can be ended at any time, and stays ended', () => {
    const abort = { type: 'abort', reason: 'cancelled', code: 'run.cancelled', message: 'enough' } as const;
    fc.assert(
      fc.property(newWorld, fc.array(choice, { maxLength: 40 }), fc.array(choice, { maxLength: 20 }), (make, a, b) => {
        const world = make();
        for (const next of a) world.happen(next);
        const was = world.auditor.finished;
        world.send(abort);
        assert.equal(world.auditor.finished?.reason, was?.reason ?? 'cancelled');
        for (const next of b) world.happen(next);
      }),
      { numRuns: 500 },
    );
  });

  it('gives equal effects for equal events, also from a copy made on the way', () => {
    fc.assert(
      fc.property(newWorld, fc.array(choice, { maxLength: 60, size: 'max' }), fc.nat(60), (make, choices, cut) => {
        const world = make();
        let copy: CoordinatorState | undefined;
        for (const [at, next] of choices.entries()) {
          if (at === cut) copy = cloneState(world.state);
          if (at === cut) world.events.length = world.effects.length = 0;
          world.happen(next);
        }
        let state = copy ?? initialState(world.options);
        for (const [at, event] of world.events.entries()) {
          const replayed = step(state, event);
          state = replayed.state;
          assert.deepEqual(replayed.effects, world.effects[at]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never throws, whatever the numbers', () => {
    const number = fc.oneof(fc.integer({ min: -2, max: 9 }), fc.double(), fc.constantFrom(2 ** 31, 2 ** 53, -0));
    const session = fc.constantFrom('a', 'b', 'c', 'd', '', '__proto__', 'constructor');
    const tag = { session, client: number, task: number, round: number, attempt: number };
    const reason = { code: fc.string(), message: fc.string() };
    const ranges = fc.array(fc.record({ from: number, count: number }), { maxLength: 4 });
    const event: fc.Arbitrary<CoordinatorEvent> = fc.oneof(
      fc.record({ type: fc.constantFrom('clientsJoined', 'clientsLeft'), session, ranges }),
      fc.record({ type: fc.constant('sessionClosed'), session }),
      fc.record({ type: fc.constant('updateReceived'), ...tag }),
      fc.record({ type: fc.constantFrom('updateInvalid', 'clientFailed', 'evaluationFailed'), ...tag, ...reason }),
      fc.record({ type: fc.constant('evaluationReceived'), ...tag }),
      fc.record({ type: fc.constantFrom('aggregated', 'serverEvaluated', 'persisted'), round: number }),
      fc.record({ type: fc.constant('aggregationVoided'), round: number, ...reason }),
      fc.record({ type: fc.constant('opened') }),
      fc.record({ type: fc.constant('deadline'), timer: fc.string() }),
    ) as fc.Arbitrary<CoordinatorEvent>;
    fc.assert(
      fc.property(newWorld, fc.array(event, { maxLength: 40 }), (make, events) => {
        let { state } = make();
        for (const next of events) state = step(state, next).state;
        const { holder, present } = state.membership;
        assert.equal(holder.filter((slot) => slot >= 0).length, present);
      }),
      { numRuns: 1000 },
    );
  });
});
