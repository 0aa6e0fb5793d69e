import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialState, step } from './coordinator.js';
import { fedmlSampling } from './sampling.js';
import type { CoordinatorState } from './state.js';
import type { Work } from './testing/auditor.js';
import { cloneState, type FlatOptions, withRounds } from './testing/driver.js';
import { RoundsAuditor } from './testing/rounds-auditor.js';
import type { CoordinatorEffect, CoordinatorEvent, UpdateTag } from './types.js';

const SESSIONS = ['a', 'b', 'c', 'd'];

const options: fc.Arbitrary<FlatOptions> = fc
  .record({
    clients: fc.integer({ min: 1, max: 8 }),
    perRound: fc.nat(7),
    minimum: fc.nat(7),
    quorum: fc.nat(7),
    rounds: fc.integer({ min: 1, max: 4 }),
    evaluateEvery: fc.nat(3),
    attemptsMax: fc.nat(2),
    deadlineMs: fc.constantFrom(null, 100),
    evaluationDeadlineMs: fc.constantFrom(null, 100),
    evaluateOnClients: fc.boolean(),
    evaluateOnServer: fc.boolean(),
    evaluateAfterSettlement: fc.boolean(),
    graceMs: fc.constantFrom(null, null, 0, 10),
    noticeEveryMs: fc.constantFrom(null, 10),
    waitForClientsMs: fc.constantFrom(null, null, null, 100),
    firstAttempt: fc.constantFrom(0, 0, 5),
    voidRoundsMax: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ perRound, minimum, quorum, ...rest }) => {
    const clientsPerRound = 1 + (perRound % rest.clients);
    return {
      ...rest,
      clientsPerRound,
      minimumClients: 1 + (minimum % rest.clients),
      quorum: 1 + (quorum % clientsPerRound),
      sampler: fedmlSampling(),
    };
  });

/** What happens next, with numbers that choose among what is possible then. */
interface Choice {
  readonly kind: (typeof KINDS)[number];
  readonly pick: number;
  readonly other: number;
}
// Frequent ones are named more often.
const KINDS = [
  ...['joinAll', 'join', 'join', 'leave', 'close', 'work', 'work', 'work', 'work', 'repeat', 'fail', 'invalid'],
  ...['garbage', 'shell', 'shell', 'shell', 'evaluate', 'evaluate', 'evaluate', 'evaluationFailed', 'opened'],
  ...['deadline', 'staleDeadline', 'staleRound', 'rogueEvaluation', 'void'],
] as const;
const choice: fc.Arbitrary<Choice> = fc.record({
  kind: fc.constantFrom(...KINDS),
  pick: fc.nat(1000),
  other: fc.nat(1000),
});

/** One coordinator under audit, with the peers' side of the story. */
class World {
  state: CoordinatorState;
  readonly auditor: RoundsAuditor;
  readonly events: CoordinatorEvent[] = [];
  readonly effects: (readonly CoordinatorEffect[])[] = [];
  /** All work ever given: late and repeated updates come from here. */
  readonly #given: Work[] = [];

  constructor(options: FlatOptions) {
    this.state = initialState(withRounds(options));
    const { deadlineMs = null, quorum = 1, attemptsMax = 3, sampler = fedmlSampling(), clientsPerRound } = options;
    this.auditor = new RoundsAuditor(this.state.options, { deadlineMs, quorum, attemptsMax, sampler, clientsPerRound });
  }

  send(event: CoordinatorEvent): void {
    const { state, effects } = step(this.state, event);
    this.state = state;
    this.events.push(event);
    this.effects.push(effects);
    this.auditor.observe(event, effects);
    this.#given.push(...this.auditor.work.values());
  }

  happen({ kind, pick, other }: Choice): void {
    const event = this.#event(kind, pick, other);
    if (event !== undefined) this.send(event);
  }

  #event(kind: string, pick: number, other: number): CoordinatorEvent | undefined {
    const { auditor } = this;
    const { clients } = auditor.options;
    const session = SESSIONS[other % SESSIONS.length]!;
    const client = pick % clients;
    const work = choose(auditor.work.values(), pick);
    const evaluator = choose(auditor.evaluating, pick);
    const failure = { code: 'test.failed', message: 'on purpose' };
    switch (kind) {
      case 'joinAll':
        return { type: 'clientsJoined', session, ranges: [{ from: 0, count: clients }] };
      case 'join':
        return { type: 'clientsJoined', session, ranges: [{ from: client, count: 1 + (other % 3) }] };
      case 'leave': {
        const from = choose(auditor.holder.keys(), pick) ?? client;
        return { type: 'clientsLeft', session: auditor.holder.get(from) ?? session, ranges: [{ from, count: 1 }] };
      }
      case 'close':
        return { type: 'sessionClosed', session };
      case 'work':
        return work && { type: 'updateReceived', ...work };
      case 'repeat':
        return update(choose(this.#given, pick));
      case 'fail':
        return work && { type: 'clientFailed', ...work, ...failure };
      case 'invalid': {
        const given = choose(this.#given, pick);
        return given && { type: 'updateInvalid', ...given, ...failure };
      }
      case 'garbage':
        return update({ session, client: pick - 10, task: (other % 7) - 1, attempt: (pick % 9) - 1 });
      case 'opened':
        return { type: 'opened' };
      case 'shell':
        return this.#shell();
      case 'void': {
        const round = auditor.shell.get('aggregating') ?? auditor.shell.get('evaluating') ?? pick % 4;
        return { type: 'aggregationVoided', round, ...failure };
      }
      case 'evaluate':
        return evaluator === undefined ? undefined : this.#evaluation(evaluator);
      case 'rogueEvaluation':
        return { type: 'evaluationReceived', session, round: (other % 6) - 1, client: pick % 10 };
      case 'evaluationFailed':
        return { ...this.#evaluation(evaluator ?? client), type: 'evaluationFailed', ...failure };
      case 'deadline':
        return deadline(choose(auditor.timers, pick));
      case 'staleDeadline':
        return { type: 'deadline', timer: `${other % 2 ? 'train' : 'evaluate'}:${pick % 4}:9` };
      case 'staleRound': {
        const type = (['aggregated', 'serverEvaluated', 'persisted'] as const)[other % 3] ?? 'persisted';
        return { type, round: auditor.nextRound - 1 };
      }
      default:
        throw new Error(kind);
    }
  }

  #evaluation(client: number): CoordinatorEvent & { readonly type: 'evaluationReceived' } {
    const session = this.auditor.holder.get(client) ?? 'nobody';
    return { type: 'evaluationReceived', session, round: this.auditor.evaluatingRound, client };
  }

  /** The shell does what it was asked for. */
  #shell(): CoordinatorEvent | undefined {
    const types = { aggregating: 'aggregated', evaluating: 'serverEvaluated', persisting: 'persisted' } as const;
    for (const [stage, round] of this.auditor.shell) return { type: types[stage], round };
    return undefined;
  }

  /** From here on everyone does what is asked, and whoever is away comes back once there is nothing else to do. */
  settle(): void {
    const { auditor } = this;
    // Each round: every client works, evaluates, joins; some timers fire.
    const stepsMax = auditor.options.rounds * (3 * auditor.options.clients + 10) + 50;
    for (let steps = 0; auditor.finished === null; steps++) {
      assert.ok(steps < stepsMax, 'it ends');
      const work = choose(auditor.work.values(), 0);
      const evaluator = choose(auditor.evaluating, 0);
      const { clients } = auditor.options;
      if (work !== undefined) this.send({ type: 'updateReceived', ...work });
      else if (evaluator !== undefined) this.send(this.#evaluation(evaluator));
      else if (auditor.shell.size > 0) this.send(this.#shell() ?? assert.fail('the shell has work'));
      else if (auditor.holder.size < clients) this.#joinAbsent(clients);
      else this.send(deadline(choose(auditor.timers, 0)) ?? assert.fail('nothing is under way, and all are there'));
    }
  }

  #joinAbsent(clients: number): void {
    const ranges = Array.from({ length: clients }, (_, from) => ({ from, count: 1 }));
    const absent = ranges.filter(({ from }) => !this.auditor.holder.has(from));
    this.send({ type: 'clientsJoined', session: 'helper', ranges: absent });
  }
}

function choose<T>(from: Iterable<T>, pick: number): T | undefined {
  const all = [...from];
  return all[pick % all.length];
}

function update(tag: UpdateTag | undefined): CoordinatorEvent | undefined {
  return tag && { type: 'updateReceived', ...tag };
}

function deadline(timer: string | undefined): CoordinatorEvent | undefined {
  return timer === undefined ? undefined : { type: 'deadline', timer };
}

describe('under any schedule', () => {
  it('keeps its promises, is never stuck, and ends once the peers do what is asked', () => {
    const ends = new Map<string, number>();
    fc.assert(
      fc.property(options, fc.array(choice, { maxLength: 80, size: 'max' }), (some, choices) => {
        const world = new World(some);
        for (const next of choices) world.happen(next);
        world.settle();
        const end = world.auditor.finished?.reason ?? 'none';
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }),
      { numRuns: 3000 },
    );
    // The schedules are worth something only if both ends are common among them.
    expect(ends.get('completed')).toBeGreaterThan(500);
    expect(ends.get('failed')).toBeGreaterThan(200);
  });

  it('can be ended at any time, and stays ended', () => {
    const abort = { type: 'abort', reason: 'cancelled', code: 'run.cancelled', message: 'enough' } as const;
    fc.assert(
      fc.property(options, fc.array(choice, { maxLength: 40 }), fc.array(choice, { maxLength: 20 }), (some, a, b) => {
        const world = new World(some);
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
      fc.property(options, fc.array(choice, { maxLength: 60, size: 'max' }), fc.nat(60), (some, choices, cut) => {
        const world = new World(some);
        let copy: CoordinatorState | undefined;
        for (const [at, next] of choices.entries()) {
          if (at === cut) copy = cloneState(world.state);
          if (at === cut) world.events.length = world.effects.length = 0;
          world.happen(next);
        }
        let state = copy ?? initialState(withRounds(some));
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
    const session = fc.constantFrom(...SESSIONS, '', '__proto__', 'constructor');
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
      fc.property(options, fc.array(event, { maxLength: 40 }), (some, events) => {
        let state = initialState(withRounds(some));
        for (const next of events) state = step(state, next).state;
        const { holder, present } = state.membership;
        assert.equal(holder.filter((slot) => slot >= 0).length, present);
      }),
      { numRuns: 1000 },
    );
  });
});
