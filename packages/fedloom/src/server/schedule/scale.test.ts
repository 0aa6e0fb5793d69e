import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import { type BufferedOptions, buffered } from './buffered.js';
import { initialState, step } from './coordinator.js';
import type { CoordinatorState } from './schedule.js';
import { type FlatOptions, only, phaseOf, trainingOf, withRounds } from './testing/driver.js';
import type { CoordinatorEvent } from './types.js';

const CLIENTS = 100_000;

/** Processor time for the events, run one after the other; a busy machine changes it little. */
function run(state: CoordinatorState, events: Iterable<CoordinatorEvent>): { state: CoordinatorState; ms: number } {
  const from = process.cpuUsage();
  let current = state;
  for (const event of events) current = step(current, event).state;
  const { user, system } = process.cpuUsage(from);
  return { state: current, ms: (user + system) / 1000 };
}

function joined(options: Partial<FlatOptions> = {}): CoordinatorState {
  const state = initialState(withRounds({ clients: CLIENTS, clientsPerRound: 100, rounds: 3, ...options }));
  return step(state, { type: 'clientsJoined', session: 'a', ranges: [{ from: 0, count: CLIENTS }] }).state;
}

function* each(event: (client: number) => CoordinatorEvent): Generator<CoordinatorEvent> {
  for (let client = 0; client < CLIENTS; client++) yield event(client);
}

const update = (client: number): CoordinatorEvent => {
  return { type: 'updateReceived', session: 'a', client: clientIndex(client), task: 0, attempt: 0 };
};

// Each takes 0.03 to 0.4 s. Steps that looked at all clients (100,000 x 100,000) would take minutes.
const LIMIT_MS = 5000;

describe('with 100,000 clients', () => {
  it('an evaluation of all of them takes a fraction of a second', () => {
    let state = joined();
    for (const client of trainingOf(state)!.places) state = step(state, update(client)).state;
    const { effects } = step(state, { type: 'aggregated', round: 0 });
    expect(only(effects, 'requestEvaluation')).toMatchObject([{ ranges: [{ from: 0, count: CLIENTS }] }]);
    const { ms } = run(
      state,
      each((client) => ({ type: 'evaluationReceived', session: 'a', round: 0, client: clientIndex(client) })),
    );
    state = step(state, { type: 'persisted', round: 0 }).state;
    expect(state.round).toBe(1);
    expect(ms).toBeLessThan(LIMIT_MS);
  });

  it('a round of all of them as well', () => {
    const { state, ms } = run(joined({ clientsPerRound: CLIENTS }), each(update));
    expect(phaseOf(state)).toBe('aggregating');
    expect(ms).toBeLessThan(LIMIT_MS);
  });

  it('a failure of nearly all of them as well, each replaced by the next', () => {
    const failures = each((index) => {
      const client = clientIndex(index);
      return { type: 'clientFailed', session: 'a', client, task: 0, attempt: index, code: 'c', message: 'm' };
    });
    const sampler = { name: 'ordered', permutation: () => Int32Array.from({ length: CLIENTS }, (_, i) => i) };
    const { state, ms } = run(joined({ clientsPerRound: 1, sampler }), failures);
    expect(state.phase).toBe('finished');
    expect(ms).toBeLessThan(LIMIT_MS);
  });

  it('a session for each: joining and leaving as well', () => {
    const state = initialState(
      withRounds({ clients: CLIENTS, clientsPerRound: 1, rounds: 1, minimumClients: CLIENTS - 1 }),
    );
    const joins = run(
      state,
      each((from) => ({ type: 'clientsJoined', session: `s${from}`, ranges: [{ from, count: 1 }] })),
    );
    const closes = run(
      joins.state,
      each((client) => ({ type: 'sessionClosed', session: `s${client}` })),
    );
    expect(closes.state.membership.present).toBe(0);
    expect(joins.ms + closes.ms).toBeLessThan(LIMIT_MS);
  });
});

describe('with 100,000 clients and a grace', () => {
  it('a session for each that closes, and each grace that ends, costs what it touches', () => {
    const options = { clients: CLIENTS, clientsPerRound: 1000, rounds: 1, minimumClients: CLIENTS - 1, graceMs: 10 };
    let { state } = run(
      initialState(withRounds(options)),
      each((from) => ({ type: 'clientsJoined', session: `s${from}`, ranges: [{ from, count: 1 }] })),
    );
    const closes = run(
      state,
      each((client) => ({ type: 'sessionClosed', session: `s${client}` })),
    );
    ({ state } = closes);
    const graces = run(
      state,
      [...state.timers].map((timer) => ({ type: 'deadline', timer })),
    );
    expect(graces.state.timers.size).toBe(0);
    expect(graces.state.absence.missed.includes(0)).toBe(false);
    expect(closes.ms + graces.ms).toBeLessThan(LIMIT_MS);
  });
});

describe('with 100,000 clients under buffered', () => {
  const settings = { concurrency: 1000, bufferSize: 10 };
  const start = (options: Partial<BufferedOptions>) => {
    const schedule = buffered({ ...settings, ...options });
    const state = initialState({ clients: CLIENTS, rounds: CLIENTS, evaluateOnClients: false, schedule });
    return step(state, { type: 'clientsJoined', session: 'a', ranges: [{ from: 0, count: CLIENTS }] });
  };

  it.each([
    [1, 20_000],
    [100, 1000],
  ])('buffers of %i, %i versions: each step costs what it touches', (bufferSize, versions) => {
    let { state, effects } = start({ bufferSize });
    const queue = only(effects, 'configure').flatMap(({ clients, task }) =>
      clients.map((client) => ({ client, task })),
    );
    const from = process.cpuUsage();
    while (state.round < versions) {
      const { client, task } = queue.shift() ?? { client: -1, task: 0 };
      const events: CoordinatorEvent[] = [
        { type: 'updateReceived', session: 'a', client: clientIndex(client), task, attempt: 0 },
      ];
      for (let event = events.shift(); event !== undefined; event = events.shift()) {
        ({ state, effects } = step(state, event));
        for (const effect of effects) {
          if (effect.type === 'configure')
            for (const one of effect.clients) queue.push({ client: one, task: effect.task });
          else if (effect.type === 'aggregate') events.push({ type: 'aggregated', round: effect.round });
          else if (effect.type === 'persist') events.push({ type: 'persisted', round: effect.round });
        }
      }
    }
    const { user, system } = process.cpuUsage(from);
    expect((user + system) / 1000).toBeLessThan(2 * LIMIT_MS);
    expect(state.trainers.size).toBeLessThanOrEqual(settings.concurrency);
  });
});
