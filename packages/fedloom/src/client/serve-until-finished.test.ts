import { FedloomError } from '@fedloom/engine';
import { expect, it } from 'vitest';
import type { Clock } from '../core/clock.js';
import type { Connection } from '../protocol/transport.js';
import type { Ended } from './serve-line.js';
import { type JoinEvent, type ServeOptions, serveUntilFinished } from './serve-until-finished.js';

const FINISH = { type: 'finish', reason: 'completed', message: '' } as const;
const connection = {} as Connection;

/** Passes as it is waited for, and not otherwise. */
class WaitedClock implements Clock {
  readonly waits: number[] = [];
  #nowMs = 1_000;
  now = () => this.#nowMs;

  setTimer(delayMs: number, fire: () => void): () => void {
    this.waits.push(delayMs);
    let isOff = false;
    queueMicrotask(() => {
      if (isOff) return;
      this.#nowMs += delayMs;
      fire();
    });
    return () => {
      isOff = true;
    };
  }
}

/** @param ends what becomes of each connection; undefined: nobody listens */
function underTest(ends: readonly (Ended | undefined)[], over: Partial<ServeOptions> = {}) {
  const clock = new WaitedClock();
  const events: JoinEvent[] = [];
  const left = [...ends];
  const options: ServeOptions = {
    dial: async (url) => {
      if (left[0] !== undefined) return connection;
      left.shift();
      throw new FedloomError('transport.connect', 'Nobody is there.', { url });
    },
    clock,
    random: () => 0,
    retryForMs: 1_000,
    onEvent: (event) => events.push(event),
    ...over,
  };
  const serve = async () => left.shift() as Ended;
  return { clock, events, served: serveUntilFinished('x://y', { serve }, options) };
}

const lost = (joined: boolean): Ended => ({ kind: 'lost', reason: 'cut', joined });

it('dials until the run is over, with growing pauses, short again after it was let in', async () => {
  const ends = [undefined, undefined, lost(true), lost(false), { kind: 'finished', finish: FINISH } as const];
  const { clock, events, served } = underTest(ends);
  expect(await served).toEqual(FINISH);
  expect(clock.waits).toEqual([50, 100, 50, 100]);
  expect(events.map((event) => event.type === 'retrying' && event.waitedMs)).toEqual([0, 50, 0, 50]);
});

it('gives up after the time that it was given, by the clock that it was given', async () => {
  const { clock, served } = underTest([]);
  await expect(served).rejects.toMatchObject({ code: 'client.no-server', fields: { waitedMs: 1_000 } });
  expect(clock.now()).toBe(2_000);
});

it('does not dial again after a signal that came while it waited', async () => {
  const leave = new AbortController();
  const clock: Clock = { now: () => 0, setTimer: () => () => {} };
  const { served } = underTest([undefined], {
    clock,
    signal: leave.signal,
    onEvent: () => queueMicrotask(() => leave.abort()),
  });
  expect(await served).toBeUndefined();
});

it('dials again where a server has no room or a proxy does not reach it, and not where it is refused', async () => {
  const answering = (status: number) =>
    underTest([], {
      dial: async (url) => {
        throw new FedloomError('transport.connect', `status ${status}`, { url, reason: 'rejected', status });
      },
    });
  for (const status of [408, 429, 502, 503, 504]) {
    const { served, events } = answering(status);
    await expect(served).rejects.toMatchObject({ code: 'client.no-server' });
    expect(events.length).toBeGreaterThan(1);
  }
  for (const status of [400, 403, 404, 407]) {
    await expect(answering(status).served).rejects.toMatchObject({ code: 'transport.connect', fields: { status } });
  }
});
