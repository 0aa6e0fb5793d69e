import { describe, expect, it } from 'vitest';
import { type Debtor, OwedBytes } from './owed-bytes.js';

/** Time goes on when a test says so. */
function handTimers() {
  let timers: (() => void)[] = [];
  return {
    setTimer: (_delayMs: number, fire: () => void) => {
      timers.push(fire);
      return () => {};
    },
    looks(count: number) {
      for (let i = 0; i < count; i += 1) {
        const due = timers;
        timers = [];
        for (const fire of due) fire();
      }
    },
    get idle() {
      return timers.length === 0;
    },
  };
}

function open(bytesMax: number) {
  const timers = handTimers();
  const owed = new OwedBytes(bytesMax, timers);
  const connection = (name: string) => {
    const debtor = {
      name,
      owedBytes: 0,
      heldBytes: 0,
      leftBytes: 0,
      resumed: 0,
      isCut: false,
      resume: () => {
        debtor.resumed += 1;
      },
      cut: () => {
        debtor.isCut = true;
        leave();
      },
      owes(bytes: number) {
        debtor.owedBytes += bytes;
        debtor.heldBytes += bytes;
        owed.grew(bytes);
      },
      takes(bytes: number) {
        debtor.owedBytes -= bytes;
        debtor.heldBytes -= bytes;
        debtor.leftBytes += bytes;
      },
    } satisfies Debtor & Record<string, unknown>;
    const leave = owed.enter(debtor);
    return debtor;
  };
  return { owed, timers, connection };
}

const MEGABYTE = 1 << 20;

describe('what is owed to all connections', () => {
  it('is nobody’s concern up to half of what may be, however much was sent', () => {
    const { owed, timers, connection } = open(8 * MEGABYTE);
    const [quick, idle] = [connection('quick'), connection('idle')];
    idle.owes(MEGABYTE);
    for (let i = 0; i < 100; i += 1) {
      quick.owes(3 * MEGABYTE);
      quick.takes(3 * MEGABYTE);
    }
    expect(owed.shareBytes).toBe(Number.POSITIVE_INFINITY);
    expect(owed.hasRoom(quick)).toBe(true);
    expect(timers.idle).toBe(true);
  });

  it('beyond, everybody has a share, and it is over when enough has left', () => {
    const { owed, timers, connection } = open(8 * MEGABYTE);
    const all = Array.from({ length: 4 }, (_, i) => connection(`${i}`));
    for (const one of all) one.owes(MEGABYTE + 1);
    expect(owed.shareBytes).toBe(2 * MEGABYTE);
    for (const one of all) one.takes(MEGABYTE);
    timers.looks(1);
    expect(owed.shareBytes).toBe(Number.POSITIVE_INFINITY);
    expect(timers.idle).toBe(true);
  });

  it('large bodies then go to those for whom nothing waits, one piece at a time', () => {
    const { owed, timers, connection } = open(8 * MEGABYTE);
    const [deaf, honest] = [connection('deaf'), connection('honest')];
    deaf.owes(5 * MEGABYTE);
    expect(owed.hasRoom(deaf)).toBe(false);
    expect(owed.hasRoom(honest)).toBe(false);
    let pieces = 0;
    honest.resume = () => {
      for (; owed.hasRoom(honest); pieces += 1) honest.owes(MEGABYTE);
    };
    timers.looks(1);
    expect(pieces).toBe(1);
    timers.looks(5);
    expect(pieces).toBe(1);
    honest.takes(MEGABYTE);
    timers.looks(1);
    expect(pieces).toBe(2);
    deaf.takes(5 * MEGABYTE);
    honest.takes(MEGABYTE);
    timers.looks(1);
    expect(pieces).toBeGreaterThan(2);
    expect(deaf.resumed).toBe(1);
  });

  it('who takes nothing for 10 s is cut, who takes a little is not', () => {
    const { timers, connection } = open(8 * MEGABYTE);
    const [deaf, slow] = [connection('deaf'), connection('slow')];
    deaf.owes(3 * MEGABYTE);
    slow.owes(2 * MEGABYTE);
    for (let i = 0; i < 199; i += 1) {
      slow.takes(1);
      timers.looks(1);
    }
    expect(deaf.isCut).toBe(false);
    slow.takes(1);
    timers.looks(1);
    expect(deaf.isCut).toBe(true);
    expect(slow.isCut).toBe(false);
    timers.looks(1);
    expect(timers.idle).toBe(true);
  });

  it('who waits for its turn is not cut, nor whoever owes little', () => {
    const { owed, timers, connection } = open(8 * MEGABYTE);
    const [deaf, busy, honest] = [connection('deaf'), connection('busy'), connection('honest')];
    deaf.owes(7 * MEGABYTE);
    busy.owes(64 << 10);
    // Messages behind a large body, none of it with the transport.
    honest.owedBytes = MEGABYTE;
    expect(owed.hasRoom(honest)).toBe(false);
    honest.resume = () => expect(owed.hasRoom(honest)).toBe(true);
    timers.looks(200);
    expect([deaf.isCut, busy.isCut, honest.isCut]).toEqual([true, false, false]);
  });

  it('where there is more than may be, after 2 s', () => {
    const { timers, connection } = open(8 * MEGABYTE);
    const deaf = connection('deaf');
    deaf.owes(9 * MEGABYTE);
    timers.looks(39);
    expect(deaf.isCut).toBe(false);
    timers.looks(1);
    expect(deaf.isCut).toBe(true);
  });
});
