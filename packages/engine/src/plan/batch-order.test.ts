import fc from 'fast-check';
import { expect, test } from 'vitest';
import { testRandom } from '../testing/random.js';
import { batchOrder } from './batch-order.js';

const rows = (data: ArrayLike<number | bigint>) => Array.from(data, Number);

test('every epoch names every sample once, with padding at its end only', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant('all' as const)),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      fc.nat(),
      (sampleCount, batchSize, localEpochs, shuffle, seed) => {
        const order = batchOrder(sampleCount, { batchSize, localEpochs, shuffle }, testRandom(seed));
        const batch = batchSize === 'all' ? sampleCount : Math.min(batchSize, sampleCount);
        const stepsPerEpoch = Math.ceil(sampleCount / batch);
        expect(order.shape).toEqual([localEpochs * stepsPerEpoch, batch]);
        const all = rows(order.data);
        for (let epoch = 0; epoch < localEpochs; epoch++) {
          const part = all.slice(epoch * stepsPerEpoch * batch, (epoch + 1) * stepsPerEpoch * batch);
          expect(part.slice(0, sampleCount).sort((a, b) => a - b)).toEqual(
            Array.from({ length: sampleCount }, (_, i) => i),
          );
          expect(part.slice(sampleCount).every((row) => row === -1)).toBe(true);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('without shuffling the samples keep their order; nothing is drawn', () => {
  const order = batchOrder(
    5,
    { batchSize: 2, localEpochs: 2, shuffle: false },
    {
      next: () => expect.unreachable('a number was drawn'),
      fill: () => expect.unreachable('numbers were drawn'),
    },
  );
  expect(rows(order.data)).toEqual([0, 1, 2, 3, 4, -1, 0, 1, 2, 3, 4, -1]);
});

test('epochs get orders of their own, a function of the stream', () => {
  const make = (seed: number) =>
    rows(batchOrder(30, { batchSize: 'all', localEpochs: 2, shuffle: true }, testRandom(seed)).data);
  const order = make(7);
  expect(order.slice(0, 30)).not.toEqual(order.slice(30));
  expect(make(7)).toEqual(order);
  expect(make(8)).not.toEqual(order);
});

test('each of the orders of three samples is about as frequent', () => {
  const random = testRandom(1);
  const counts = new Map<string, number>();
  for (let run = 0; run < 6000; run++) {
    const key = rows(batchOrder(3, { batchSize: 3, localEpochs: 1, shuffle: true }, random).data).join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test('refuses a client without samples', () => {
  expect(() => batchOrder(0, { batchSize: 1, localEpochs: 1, shuffle: false }, testRandom(1))).toThrow(
    expect.objectContaining({ code: 'plan.samples' }),
  );
});
