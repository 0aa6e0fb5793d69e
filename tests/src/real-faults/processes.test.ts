import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Party, wholeHash } from './party-house.js';
import { DEAD_AFTER_MS } from './party-terms.js';
import { skipsWire, Wire, wireTitle } from './wire.js';

/** Longer than anybody waits for a sign of life. */
const TOO_LONG_MS = 3 * DEAD_AFTER_MS;

/** Rounds of real processes, on a machine that may have other work. */
const LIMIT_MS = 180_000;
vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS });

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function closing<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one);
  return one;
}

describe('a process that stands still for longer than its heart may', () => {
  it('as a client: it comes back, and the model is the same', async () => {
    const party = closing(await Party.start());
    await party.server.says('round', ({ round }) => round === 3);
    party.clients[0].freeze();
    await sleep(TOO_LONG_MS);
    party.clients[0].thaw();
    expect(await party.outcome()).toBe(await wholeHash());
  });

  it('as the server: whoever left comes back, and the model is the same', async () => {
    const party = closing(await Party.start());
    await party.server.says('round', ({ round }) => round === 2);
    party.server.freeze();
    await sleep(TOO_LONG_MS);
    party.server.thaw();
    expect(await party.outcome()).toBe(await wholeHash());
  });
});

describe.skipIf(skipsWire)(`packets between hosts of their own${wireTitle}`, () => {
  it('that are late, lost and in another order change nothing', async () => {
    const wire = closing(await Wire.open());
    await wire.set({ delayMs: 5, jitterMs: 10, loss: 0.02 });
    const party = closing(await Party.start(wire));
    expect(await party.outcome()).toBe(await wholeHash());
  });

  it('that do not come for longer than silence is borne: all come back, and the model is the same', async () => {
    const wire = closing(await Wire.open());
    const party = closing(await Party.start(wire));
    await party.server.says('round', ({ round }) => round === 3);
    await wire.set({ cut: true });
    await sleep(TOO_LONG_MS);
    await wire.set({ cut: false });
    expect(await party.outcome()).toBe(await wholeHash());
  });
});
