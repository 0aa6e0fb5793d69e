import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import { RandomStream } from '../../core/random.js';
import { buffered } from './buffered.js';
import { initialState, isQuiet, step } from './coordinator.js';
import { resumePoint, resumeState } from './resume.js';
import type { CoordinatorOptions } from './schedule.js';
import type { CoordinatorEvent, RoundDecision } from './types.js';
import { VirtualClock, type VirtualTime, virtualDuration } from './virtual-clock.js';

describe('virtualDuration', () => {
  it('is a function of seed, client and task, within a fifth of work / speed', () => {
    for (let task = 0; task < 200; task++) {
      const duration = virtualDuration(7, 3, task, 2, 10);
      expect(duration).toBe(virtualDuration(7, 3, task, 2, 10));
      expect(duration).toBeGreaterThanOrEqual(4);
      expect(duration).toBeLessThan(6);
    }
    expect(virtualDuration(7, 3, 0, 1)).not.toBe(virtualDuration(8, 3, 0, 1));
    expect(virtualDuration(7, 3, 0, 1)).not.toBe(virtualDuration(7, 4, 0, 1));
    expect(virtualDuration(7, 3, 0, 1)).not.toBe(virtualDuration(7, 3, 1, 1));
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses speed %d', (speed) => {
    expect(() => virtualDuration(0, 5, 0, speed)).toThrowError(
      expect.objectContaining({ code: 'virtual-clock.duration', message: expect.stringContaining('Client 5') }),
    );
  });
});

describe('VirtualClock', () => {
  it('delivers by time, at equal times by client, and only what is certain to be next', () => {
    const clock = new VirtualClock<string>();
    clock.ask(clientIndex(4), 0, 2);
    clock.ask(clientIndex(1), 0, 2);
    clock.ask(clientIndex(2), 0, 1);
    clock.arrive(clientIndex(4), 0, 'four');
    clock.arrive(clientIndex(1), 0, 'one');
    expect(clock.next()).toBeUndefined();
    clock.arrive(clientIndex(2), 0, 'two');
    expect(clock.next()).toEqual({ client: 2, task: 0, dueAt: 1, result: 'two' });
    clock.ask(clientIndex(2), 1, 0.5);
    expect(clock.next()).toBeUndefined();
    clock.arrive(clientIndex(2), 1, 'two again');
    expect([clock.next(), clock.next(), clock.next()].map((next) => next?.result)).toEqual([
      'two again',
      'one',
      'four',
    ]);
    expect(clock.now).toBe(2);
    expect(clock.next()).toBeUndefined();
  });

  it('takes each result once, and none that nobody waits for', () => {
    const clock = new VirtualClock<number>();
    expect(clock.arrive(clientIndex(0), 0, 1)).toBe(false);
    clock.ask(clientIndex(0), 0, 1);
    expect(clock.arrive(clientIndex(0), 1, 1)).toBe(false);
    expect(clock.arrive(clientIndex(0), 0, 1)).toBe(true);
    expect(clock.arrive(clientIndex(0), 0, 2)).toBe(false);
    clock.cancel(clientIndex(0), 0);
    expect(clock.next()).toBeUndefined();
  });

  it('goes on from where it was written down; who is asked again keeps the time', () => {
    const clock = new VirtualClock<number>();
    clock.ask(clientIndex(0), 0, 1);
    clock.ask(clientIndex(1), 0, 3);
    clock.arrive(clientIndex(0), 0, 0);
    clock.next();
    const again = new VirtualClock<number>(JSON.parse(JSON.stringify(clock.time)));
    again.ask(clientIndex(1), 0, 99);
    again.ask(clientIndex(0), 1, 1);
    again.arrive(clientIndex(1), 0, 10);
    again.arrive(clientIndex(0), 1, 20);
    expect([again.next(), again.next()].map((next) => next?.dueAt)).toEqual([2, 3]);
  });

  it('agrees with a sorted list under any asks, arrivals and withdrawals', () => {
    const change = fc.record({ client: fc.nat(9), kind: fc.nat(5), duration: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const clock = new VirtualClock<number>();
        const plain = new Map<number, { task: number; dueAt: number; arrived: boolean }>();
        let task = 0;
        for (const { client, kind, duration } of changes) {
          const known = plain.get(client);
          if (kind < 2) {
            task += 1;
            clock.ask(clientIndex(client), task, duration);
            plain.set(client, { task, dueAt: clock.now + duration, arrived: false });
          } else if (kind === 2 && known !== undefined) {
            clock.cancel(clientIndex(client), known.task);
            plain.delete(client);
          } else if (kind < 5 && known !== undefined) {
            clock.arrive(clientIndex(client), known.task, known.task);
            known.arrived = true;
          } else {
            const [first] = [...plain].sort(([a, x], [b, y]) => x.dueAt - y.dueAt || a - b);
            const expected = first?.[1].arrived ? { client: first[0], task: first[1].task } : undefined;
            const delivered = clock.next();
            expect(delivered && { client: delivered.client, task: delivered.task }).toEqual(expected);
            if (expected !== undefined) plain.delete(expected.client);
          }
        }
      }),
    );
  });
});

interface Outcome {
  readonly decisions: RoundDecision[];
  readonly delivered: string[];
  readonly now: number;
  /** The clock when each round was written down. */
  readonly times: VirtualTime[];
}

/** A simulated run whose results arrive, and whose shell works, in an order that `arrivals` draws. */
function simulate(
  options: CoordinatorOptions,
  speed: (client: number) => number,
  arrivals: number,
  from?: { readonly decisions: readonly RoundDecision[]; readonly time: VirtualTime },
): Outcome {
  const random = RandomStream.of(arrivals, 'arrivals');
  const clock = new VirtualClock<number>(from?.time);
  const outcome = { decisions: [...(from?.decisions ?? [])], delivered: [] as string[], times: [] as VirtualTime[] };
  let state = from === undefined ? initialState(options) : resumeState(options, resumePoint(from.decisions));
  const attempts = new Map<number, number>();
  const computing: { client: number; task: number }[] = [];
  const shell: CoordinatorEvent[] = [];
  const send = (event: CoordinatorEvent) => {
    const { effects, state: after } = step(state, event);
    state = after;
    for (const effect of effects) {
      if (effect.type === 'configure') {
        for (const client of effect.clients) {
          attempts.set(client, effect.attempt);
          clock.ask(client, effect.task, virtualDuration(1, client, effect.task, speed(client)));
          computing.push({ client, task: effect.task });
        }
      } else if (effect.type === 'settle' && !effect.counted) {
        for (const client of effect.clients) clock.cancel(client, effect.task);
      } else if (effect.type === 'aggregate') {
        shell.push({ type: 'aggregated', round: effect.round });
      } else if (effect.type === 'persist') {
        const { type: _, ...decision } = effect;
        outcome.decisions.push(decision);
        outcome.times.push(clock.time);
        shell.push({ type: 'persisted', round: effect.round });
      }
    }
  };
  send({ type: 'clientsJoined', session: 's', ranges: [{ from: 0, count: options.clients }] });
  while (state.phase === 'running') {
    const [next] = shell;
    const one = computing[random.integer(Math.max(1, computing.length))];
    if (next !== undefined && (one === undefined || random.next() < 0.3)) {
      shell.shift();
      send(next);
    } else if (one !== undefined) {
      computing.splice(computing.indexOf(one), 1);
      clock.arrive(clientIndex(one.client), one.task, 0);
    }
    while (isQuiet(state) && state.phase === 'running') {
      const delivery = clock.next();
      if (delivery === undefined) break;
      const { client, task } = delivery;
      outcome.delivered.push(`${client}:${task}`);
      send({ type: 'updateReceived', session: 's', client, task, attempt: attempts.get(client) ?? -1 });
    }
  }
  return { ...outcome, now: clock.now };
}

const run = fc
  .record({
    clients: fc.integer({ min: 1, max: 12 }),
    rounds: fc.integer({ min: 1, max: 8 }),
    size: fc.nat(11),
    concurrency: fc.nat(11),
    stalenessMax: fc.constantFrom(null, 0, 1, 3),
  })
  .map(({ clients, rounds, size, concurrency, stalenessMax }): CoordinatorOptions => {
    const settings = { concurrency: 1 + (concurrency % clients), bufferSize: 1 + (size % clients), stalenessMax };
    const schedule = Object.assign(buffered(settings), { [fc.toStringMethod]: () => JSON.stringify(settings) });
    return { clients, rounds, evaluateOnClients: false, schedule };
  });
/** All that a decision says, but for how often somebody was asked: that counts on over restarts. */
function withoutAttempts(decisions: readonly RoundDecision[]): unknown {
  return JSON.parse(JSON.stringify(decisions, (key, value) => (key === 'attempt' ? undefined : value)));
}

const speed = (client: number) => (client % 3 === 0 ? 1 : 10);

describe('a simulated buffered run', () => {
  it('decides the same whatever the order in which results arrive', () => {
    fc.assert(
      fc.property(run, fc.nat(), fc.nat(), (options, one, other) => {
        const { times: _, ...first } = simulate(options, speed, one);
        const { times: __, ...second } = simulate(options, speed, other);
        expect(second).toEqual(first);
        expect(first.decisions).toHaveLength(options.rounds);
      }),
      { numRuns: 300 },
    );
  });

  it('decides the same when it is resumed from any round, whatever the order of arrival then', () => {
    fc.assert(
      fc.property(run, fc.nat(), fc.nat(), (options, one, other) => {
        const whole = simulate(options, speed, one);
        for (let done = 1; done < options.rounds; done++) {
          const time = whole.times[done - 1];
          if (time === undefined) throw new Error('each round has its time');
          const from = { decisions: whole.decisions.slice(0, done), time };
          const resumed = simulate({ ...options, firstAttempt: 9 }, speed, other, from);
          expect(withoutAttempts(resumed.decisions)).toEqual(withoutAttempts(whole.decisions));
          expect(whole.delivered.slice(whole.delivered.length - resumed.delivered.length)).toEqual(resumed.delivered);
          expect(resumed.now).toBe(whole.now);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('needs less virtual time than rounds for as many updates where clients differ tenfold in speed', () => {
    const options = { clients: 30, rounds: 40, evaluateOnClients: false };
    const schedule = buffered({ concurrency: 10, bufferSize: 10 });
    const { now } = simulate({ ...options, schedule }, speed, 0);
    // A round of ten takes as long as its slowest, which is nearly always a slow one.
    let synchronous = 0;
    for (let round = 0; round < options.rounds; round++) {
      const cohort = Array.from({ length: 10 }, (_, i) => (round * 10 + i) % options.clients);
      synchronous += Math.max(...cohort.map((client) => virtualDuration(1, client, round, speed(client))));
    }
    expect(now).toBeLessThan(synchronous / 2);
  });
});
