import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.js';

test('grants at once while there is room, then in order of asking', () => {
  const budget = new ByteBudget(100);
  const lane = budget.lane();
  const granted: number[] = [];
  for (const bytes of [60, 30, 20, 10]) lane.request(bytes, () => granted.push(bytes));
  // 10 would fit, but 20 came first: otherwise large bodies starve.
  expect([granted, budget.usedBytes]).toEqual([[60, 30], 90]);
  lane.release(60);
  expect([granted, budget.usedBytes]).toEqual([[60, 30, 20, 10], 60]);
});

test('channels take turns, however much one asks', () => {
  const budget = new ByteBudget(10);
  const [greedy, modest] = [budget.lane(), budget.lane()];
  const granted: string[] = [];
  for (let i = 0; i < 4; i++) greedy.request(10, () => granted.push(`greedy ${i}`));
  for (let i = 0; i < 2; i++) modest.request(10, () => granted.push(`modest ${i}`));
  for (const lane of [greedy, greedy, modest, greedy, modest]) lane.release(10);
  expect(granted).toEqual(['greedy 0', 'greedy 1', 'modest 0', 'greedy 2', 'modest 1', 'greedy 3']);
});

test('beyond one body, a lane holds no more than is free to others, unless it is alone', () => {
  const alone = new ByteBudget(100);
  let granted = 0;
  const only = alone.lane();
  for (let i = 0; i < 10; i++) only.request(10, () => granted++);
  expect(granted).toBe(10);

  const shared = new ByteBudget(100);
  const held = [0, 0, 0];
  const lanes = held.map(() => shared.lane());
  for (const [i, lane] of lanes.entries()) {
    for (let j = 0; j < 10; j++) lane.request(10, () => (held[i] = (held[i] ?? 0) + 1));
  }
  expect(held).toEqual([5, 3, 1]);
  // Who gives nothing back gets nothing; the others go on.
  for (let i = 0; i < 3; i++) lanes[2]?.release(10);
  expect(held).toEqual([5, 3, 4]);
});

test('one body is granted whatever its lane’s share, as soon as there is room', () => {
  const budget = new ByteBudget(100);
  const [hoarder, honest] = [budget.lane(), budget.lane()];
  let granted = 0;
  for (let i = 0; i < 10; i++) hoarder.request(20, () => {});
  expect([hoarder.contended, honest.contended]).toEqual([false, true]);
  honest.request(40, () => granted++);
  expect([granted, hoarder.contended]).toEqual([1, false]);
  honest.request(90, () => granted++);
  expect(hoarder.contended).toBe(true);
});

test('a closed lane asks for nothing more and lets the others on', () => {
  const budget = new ByteBudget(10);
  const [gone, here] = [budget.lane(), budget.lane()];
  let granted = 0;
  here.request(5, () => granted++);
  gone.request(10, () => expect.unreachable());
  here.request(5, () => granted++);
  gone.close();
  gone.request(1, () => expect.unreachable());
  expect([granted, budget.usedBytes]).toEqual([2, 10]);
});

test('bytes that are here already count, and hold grants back', () => {
  const budget = new ByteBudget(10);
  const lane = budget.lane();
  let granted = 0;
  lane.take(15);
  lane.request(10, () => granted++);
  expect([budget.usedBytes, granted]).toEqual([15, 0]);
  lane.release(15);
  expect([budget.usedBytes, granted]).toEqual([10, 1]);
});

test('whatever happens, the capacity holds, everyone is served, and all comes back', () => {
  const request = fc.record({
    lane: fc.nat(3),
    bytes: fc.integer({ min: 1, max: 100 }),
    reply: fc.constantFrom('release', 'later', 'ask again'),
  });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 60 }), (requests) => {
      const budget = new ByteBudget(100);
      const lanes = [0, 1, 2, 3].map(() => budget.lane());
      const held: (() => void)[] = [];
      let open = 0;
      const ask = (lane: number, bytes: number, reply: string): void => {
        open++;
        lanes[lane]!.request(bytes, () => {
          open--;
          expect(budget.usedBytes).toBeLessThanOrEqual(100);
          const release = (): void => lanes[lane]!.release(bytes);
          if (reply === 'later') held.push(release);
          else release();
          if (reply === 'ask again') ask((lane + 1) % 4, bytes, 'release');
        });
      };
      for (const { lane, bytes, reply } of requests) ask(lane, bytes, reply);
      for (let release = held.shift(); release !== undefined; release = held.shift()) release();
      expect([open, budget.usedBytes]).toEqual([0, 0]);
    }),
    { numRuns: 300 },
  );
});

test('grows for whoever waits, and never shrinks', () => {
  const budget = new ByteBudget(10);
  const lane = budget.lane();
  const granted: number[] = [];
  for (const bytes of [8, 7]) lane.request(bytes, () => granted.push(bytes));
  budget.grow(5);
  expect([granted, budget.capacityBytes]).toEqual([[8], 10]);
  budget.grow(15);
  expect([granted, budget.capacityBytes, budget.usedBytes]).toEqual([[8, 7], 15, 15]);
});
