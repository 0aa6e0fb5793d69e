import { describe, expect, it } from 'vitest';
import { krum, multiKrum } from './krum.js';
import { median } from './median.js';
import { attackedFederation, attacks } from './testing/attacked-federation.js';
import { trimmedMean } from './trimmed-mean.js';

/** Blanchard et al. 2017, section 6, and Yin et al. 2018, section 7: some clients of eleven attack in every round. */
const ATTACKERS = 3;
/** With equal weights, FedAvg's mean. */
const mean = trimmedMean({ trim: 0 });
const robust = [median(), trimmedMean({ trim: ATTACKERS }), krum({ f: ATTACKERS }), multiKrum({ f: ATTACKERS })];

const undisturbed = attackedFederation(mean);

it('the federation learns when nobody attacks, whatever the fold', () => {
  expect(undisturbed.accuracy).toBeGreaterThan(0.9);
  for (const fold of robust) expect(attackedFederation(fold).accuracy, fold.name).toBeGreaterThan(0.9);
});

describe.each(attacks)('$name', (attack) => {
  const attacked = { attackers: ATTACKERS, attack };

  it('breaks the mean', () => {
    expect(attackedFederation(mean, attacked).accuracy).toBeLessThan(0.4);
  });

  it.each(robust)('does not break $name', (fold) => {
    const { accuracy, length } = attackedFederation(fold, attacked);
    expect(accuracy).toBeGreaterThan(undisturbed.accuracy - 0.03);
    expect(length).toBeLessThan(2 * undisturbed.length);
  });

  it.each([trimmedMean({ trim: 1 }), multiKrum({ f: 1, m: 10 })])(
    'breaks $name that expects fewer attackers',
    (fold) => {
      expect(attackedFederation(fold, attacked).accuracy).toBeLessThan(0.6);
    },
  );
});
