import { describe, expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { withFold } from './registry.js';
import { krum, median, multiKrum, trimmedMean } from './robust.js';

describeSuite('algorithm median', algorithmSuite(median));
describeSuite(
  'algorithm trimmedMean(trim=1)',
  algorithmSuite(() => trimmedMean({ trim: 1 })),
);
describeSuite(
  'algorithm krum(f=1)',
  algorithmSuite(() => krum({ f: 1 })),
);
describeSuite(
  'algorithm multiKrum(f=1, m=2)',
  algorithmSuite(() => multiKrum({ f: 1, m: 2 })),
);

describe('a robust algorithm with other settings', () => {
  it('folds by them', () => {
    expect(krum({ f: 1 }).with?.({ f: 2 }).fold?.options).toEqual({ f: 2 });
  });

  it.each([
    [median(), { f: 1 }, /median: there is no option "f"; it has no options/],
    [krum({ f: 1 }), { f: -1 }, /krum: f is -1; it must be a whole number of at least 0/],
    [multiKrum({ f: 1 }), { n: 3 }, /multiKrum: there is no option "n"/],
  ])('refuses what it cannot be: %#', (algorithm, changes, message) => {
    expect(() => algorithm.with?.(changes)).toThrow(
      expect.objectContaining({ code: 'algorithm.option', message: expect.stringMatching(message) }),
    );
  });
});

it('withFold says what it takes to who gives no algorithm or no fold', () => {
  for (const given of [[], [median()], [median, median()]]) {
    expect(() => Reflect.apply(withFold, undefined, given)).toThrow(/withFold takes an algorithm and a fold/);
  }
});
