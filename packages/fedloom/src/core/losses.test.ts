import { expect, it } from 'vitest';
import { LossTally } from './losses.js';

it('LossTally counts who was asked and did not count, each client once, and the rounds that stayed short', () => {
  const tally = new LossTally(3);
  tally.add({ cohort: [4, 0, 2], counted: [0, 2, 4] });
  expect(tally.losses).toEqual({ rounds: 0, partialRounds: 0, updates: 0, clients: 0 });
  // Client 5 was lost, 7 took its place.
  tally.add({ cohort: [5, 0, 2, 7], counted: [0, 2, 7] });
  // Nobody did here.
  tally.add({ cohort: [5, 6, 1], counted: [1] });
  expect(tally.losses).toEqual({ rounds: 2, partialRounds: 1, updates: 3, clients: 2 });
});
