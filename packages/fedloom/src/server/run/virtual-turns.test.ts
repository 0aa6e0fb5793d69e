import { describe, expect, it } from 'vitest';
import { type ClientIndex, clientIndex } from '../../core/brands.js';
import { virtualDuration } from '../schedule/virtual-clock.js';
import type { Input } from './incoming.js';
import { VirtualTurns } from './virtual-turns.js';

const SEED = 3;
const tag = (client: ClientIndex, task = 0) => ({ session: 's', client, task, attempt: 0 });
const input = (client: number) => (): Input => ({ event: { type: 'deadline', timer: `${client}` } });

function turnsOf() {
  const dispatched: string[] = [];
  const quiet = { now: true };
  const turns = new VirtualTurns({
    seed: SEED,
    speed: (client) => (client === 0 ? 0.1 : 1),
    isQuiet: () => quiet.now,
    dispatch: ({ event }) => event.type === 'deadline' && dispatched.push(event.timer),
  });
  return { turns, dispatched, quiet };
}

const clients = [0, 1, 2, 3].map(clientIndex);
const inTurn = [...clients].sort(
  (a, b) => virtualDuration(SEED, a, 0, a === 0 ? 0.1 : 1) - virtualDuration(SEED, b, 0, b === 0 ? 0.1 : 1),
);

describe('VirtualTurns', () => {
  it('hands results over in the order of virtual time, whoever computed first', async () => {
    for (const arrival of [clients, [...clients].reverse(), inTurn]) {
      const { turns, dispatched } = turnsOf();
      turns.asked(clients, 0);
      const taken = arrival.map((client) => {
        const done = turns.arrived(input(client), tag(client));
        turns.goOn();
        return done;
      });
      await Promise.all(taken);
      expect(dispatched).toEqual(inTurn.map(String));
    }
  });

  it('waits for who has its turn, and for the server to be through with what came before', () => {
    const { turns, dispatched, quiet } = turnsOf();
    turns.asked(clients, 0);
    const [first, second] = inTurn as [ClientIndex, ClientIndex];
    void turns.arrived(input(second), tag(second));
    turns.goOn();
    expect(dispatched).toEqual([]);
    quiet.now = false;
    void turns.arrived(input(first), tag(first));
    turns.goOn();
    expect(dispatched).toEqual([]);
    quiet.now = true;
    turns.goOn();
    expect(dispatched).toEqual([first, second].map(String));
    expect(turns.now).toBe(virtualDuration(SEED, second, 0, second === 0 ? 0.1 : 1));
  });

  it('waits for nobody who was cancelled, and hands a result of somebody it does not wait for over at once', async () => {
    const { turns, dispatched } = turnsOf();
    turns.asked(clients, 0);
    const [first, second] = inTurn as [ClientIndex, ClientIndex];
    turns.cancelled([first], 0);
    await turns.arrived(input(first), tag(first));
    expect(dispatched).toEqual([`${first}`]);
    void turns.arrived(input(second), tag(second));
    turns.goOn();
    expect(dispatched).toEqual([`${first}`, `${second}`]);
  });
});
