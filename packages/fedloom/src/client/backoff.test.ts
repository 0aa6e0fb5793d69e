import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../core/random.js';
import { Backoff } from './backoff.js';

const steps = { firstMs: 100, lastMs: 2_000 };

describe('Backoff', () => {
  it('pauses from half of a step to the whole of it; steps double up to the last', () => {
    const least = new Backoff({ ...steps, random: () => 0 });
    const most = new Backoff({ ...steps, random: () => 1 - 2 ** -53 });
    const pauses = (of: Backoff) => Array.from({ length: 7 }, () => of.nextMs());
    expect(pauses(least)).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
    expect(pauses(most).map(Math.round)).toEqual([100, 200, 400, 800, 1600, 2000, 2000]);
  });

  it('stays within these bounds whatever is drawn, and begins anew when it is told to', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 }),
        (draws) => {
          let at = 0;
          const backoff = new Backoff({ ...steps, random: () => draws[at++ % draws.length] ?? 0 });
          for (const [attempt] of draws.entries()) {
            const stepMs = Math.min(steps.lastMs, steps.firstMs * 2 ** attempt);
            const pauseMs = backoff.nextMs();
            expect(pauseMs).toBeGreaterThanOrEqual(stepMs / 2);
            expect(pauseMs).toBeLessThanOrEqual(stepMs);
          }
          backoff.reset();
          expect(backoff.nextMs()).toBeLessThanOrEqual(steps.firstMs);
        },
      ),
    );
  });

  it('spreads clients that lost their server together: no tenth of a second takes much more than its share', () => {
    const counts = new Map<number, number>();
    for (let client = 0; client < 1000; client += 1) {
      const random = RandomStream.of(1, 'backoff', client);
      const backoff = new Backoff({ ...steps, random: () => random.next() });
      let atMs = 0;
      for (let attempt = 0; attempt < 6; attempt += 1) atMs += backoff.nextMs();
      const slot = Math.floor(atMs / 100);
      counts.set(slot, (counts.get(slot) ?? 0) + 1);
    }
    // The sixth attempt comes from 2.55 s to 5.1 s: the fullest of the tenths has about 9 % of them, in step it had all.
    expect(counts.size).toBeGreaterThan(12);
    expect(Math.max(...counts.values())).toBeLessThan(150);
  });
});
