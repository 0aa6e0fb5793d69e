import { describe, expect, it, vi } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import { openDoor, testLobby } from '../lobby/testing/lobby-end.js';
import { Farewell, type FarewellOptions } from './farewell.js';

const LOST = 'transport.lost: the connection broke without a close';
const range = (from: number, count = 1) => [{ from, count }];

const finish = { type: 'finish', reason: 'completed', message: 'done' } as const;

/** A farewell of four clients, whose clock and whose number of present clients are a test's hands. */
function farewellOf(options: Partial<FarewellOptions> = {}) {
  const { lobby, clock, enter } = testLobby();
  const { door } = openDoor(lobby);
  const there = { present: 0 };
  const told: string[] = [];
  const farewell = new Farewell({
    clients: 4,
    clock,
    waitMs: 10_000,
    cameBefore: false,
    door,
    present: () => there.present,
    takesPart: (session) => session === 's0',
    onWaiting: (message) => told.push(message),
    ...options,
  });
  let isOver = false;
  const end = () => {
    void farewell.say(finish).then(() => {
      isOver = true;
    });
  };
  const over = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return isOver;
  };
  return { farewell, door, clock, there, told, enter, end, over };
}

describe('the end of a run', () => {
  it('waits for nobody when nobody is there and nobody was lost', async () => {
    const { farewell, end, over, told, clock } = farewellOf();
    farewell.joined(range(0, 4));
    farewell.closed([0, 1, 2, 3].map(clientIndex), 'the client leaves');
    end();
    expect([await over(), told, clock.delaysMs]).toEqual([true, [], []]);
  });

  it('waits until those have left who are there', async () => {
    const { farewell, there, end, over, told } = farewellOf();
    there.present = 4;
    end();
    expect([await over(), told]).toEqual([false, []]);
    farewell.closed([0, 1, 2, 3].map(clientIndex), 'the run is over');
    there.present = 0;
    farewell.goOn();
    expect(await over()).toBe(true);
  });

  it('waits for those whose line broke, before or after it, until they have come back and left', async () => {
    const { farewell, there, end, over, told, clock } = farewellOf();
    farewell.joined(range(0, 4));
    farewell.closed([1, 3].map(clientIndex), LOST);
    there.present = 2;
    end();
    expect(told).toEqual([
      'All rounds are done. Waiting 10 s at most for those whose line broke, to tell them: clients 1, 3.',
    ]);
    farewell.closed([0, 2].map(clientIndex), 'protocol.stalled: a body made no progress');
    there.present = 0;
    farewell.goOn();
    for (const client of [3, 1, 0]) {
      farewell.joined(range(client));
      there.present = 1;
      farewell.goOn();
      farewell.closed([client].map(clientIndex), 'the run is over');
      there.present = 0;
      farewell.goOn();
      expect(await over()).toBe(false);
    }
    farewell.joined(range(2));
    farewell.goOn();
    expect([await over(), clock.delaysMs]).toEqual([true, []]);
  });

  it('waits again for who comes back and is lost once more, and no longer than its time', async () => {
    const { farewell, there, clock, end, over } = farewellOf();
    farewell.closed([2].map(clientIndex), LOST);
    end();
    farewell.joined(range(2));
    there.present = 1;
    farewell.closed([2].map(clientIndex), LOST);
    there.present = 0;
    farewell.goOn();
    expect([await over(), clock.delaysMs]).toEqual([false, [10_000]]);
    clock.fire();
    expect(await over()).toBe(true);
  });

  it('does not wait for those that have been away for long', async () => {
    const { farewell, clock, end, over, told } = farewellOf();
    farewell.closed([0].map(clientIndex), LOST);
    clock.now = () => 3_000;
    farewell.closed([1].map(clientIndex), LOST);
    clock.now = () => 10_000;
    end();
    expect(told[0]).toMatch(/: client 1\.$/);
    farewell.joined(range(1));
    farewell.goOn();
    expect(await over()).toBe(true);
  });

  it('waits for everybody where an earlier process had them, and for those that have come since only if lost again', async () => {
    const { farewell, end, told } = farewellOf({ cameBefore: true });
    farewell.joined(range(0, 2));
    end();
    expect(told[0]).toMatch(/: clients 2-3\.$/);
  });

  it.each([
    ['it was told to wait for nobody', 0, () => {}],
    ['it is cut before', 10_000, (farewell: Farewell) => farewell.cut()],
  ])('is at once where %s', async (_why, waitMs, before) => {
    const { farewell, there, end, over, told } = farewellOf({ waitMs });
    farewell.closed([1].map(clientIndex), LOST);
    there.present = 1;
    before(farewell);
    end();
    expect([await over(), told]).toEqual([true, []]);
  });

  it('is told to those that take part at once, to who comes back when it is dismissed, to the others at the end', async () => {
    const { farewell, there, enter, end, clock, over } = farewellOf();
    const [part, other] = [await enter(), await enter()];
    there.present = 1;
    farewell.closed([1].map(clientIndex), LOST);
    end();
    const back = await enter();
    const finished = (one: typeof part) => one.received.filter(({ message }) => message.type === 'finish').length;
    await part.messages(3);
    expect([part, other, back].map(finished)).toEqual([1, 0, 0]);
    farewell.dismiss('s2');
    farewell.dismiss('nobody');
    await back.messages(3);
    expect(finished(other)).toBe(0);
    clock.fire(10_000);
    await other.messages(3);
    for (const one of [part, other, back]) one.channel.close('the run is over');
    await Promise.all([part, other, back].map(({ closed }) => closed));
    await vi.waitFor(async () => expect(await over()).toBe(true));
    expect([part, other, back].map(finished)).toEqual([1, 1, 1]);
  });

  it('that is not complete is told to everybody at once, and waits for nobody who is away', async () => {
    const { farewell, door, enter, clock, told } = farewellOf();
    const client = await enter();
    farewell.closed([1].map(clientIndex), LOST);
    const over = farewell.say({ ...finish, reason: 'cancelled' });
    await client.messages(3);
    client.channel.close('the run is over');
    await over;
    expect([told, clock.delaysMs, [...door.sessions]]).toEqual([[], [], []]);
  });

  it('is cut short', async () => {
    const { farewell, there, end, over, clock } = farewellOf();
    there.present = 1;
    end();
    expect(await over()).toBe(false);
    farewell.cut();
    expect([await over(), clock.delaysMs]).toEqual([true, []]);
  });
});
