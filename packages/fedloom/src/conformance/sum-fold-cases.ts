import { decodeSafetensors, encodeSafetensors } from '../core/safetensors.js';
import type { Aggregate, Contribution, Fold, PartialSum, RunningSum } from '../update/fold-contract.js';
import { contributionsOf, erase, type FoldCases, foldOnce, foldSpecs } from './fold-inputs.js';
import { checkSame } from './same.js';
import { check } from './suite.js';

/** What folds of kind `sum` must do, beside what every fold must. */
export const sumFoldCases: FoldCases = {
  'sums of parts make the sum of all, to the bit, whatever the parts'({ make, round }) {
    const expected = flatOf(make, round);
    for (const cut of [0, 1, 4, round().length]) {
      const parts = [round().slice(0, cut), round().slice(cut)].map((part) => added(startOf(make), part));
      const whole = startOf(make);
      for (const part of parts.reverse()) whole.merge(part.partial());
      check(whole.count === round().length, `the count of ${round().length} updates, merged, is ${whole.count}`);
      checkSame(whole.finish(), expected, `the aggregate of the parts before and behind update ${cut}`);
    }
  },

  'partial sums can be written as safetensors and read again'({ make, round }) {
    const whole = startOf(make);
    for (const contribution of round()) whole.merge(stored(added(startOf(make), [contribution]).partial()));
    checkSame(whole.finish(), flatOf(make, round), 'the aggregate of sums of one update each, written and read,');
  },

  'needs no update any more when `add` has returned'({ make, round }) {
    const sum = startOf(make);
    for (const contribution of round()) {
      sum.add(contribution);
      erase(contribution);
    }
    checkSame(sum.finish(), flatOf(make, round), 'the aggregate, the memory of each update used again behind `add`,');
  },

  'starts anew after a reset'({ make, round }) {
    const sum = added(startOf(make), contributionsOf(2, 7));
    sum.reset();
    check(sum.count === 0, `the count after a reset is ${sum.count}`);
    checkSame(added(sum, round()).finish(), flatOf(make, round), 'the aggregate after a reset');
  },

  'comes to the same aggregate in place, and starts anew behind it'({ make, round }) {
    const sum = added(startOf(make), round());
    if (sum.finishInPlace === undefined) return;
    checkSame(sum.finishInPlace(), flatOf(make, round), 'the aggregate in place');
    sum.reset();
    checkSame(added(sum, round()).finish(), flatOf(make, round), 'the aggregate after one in place and a reset');
  },

  'can go on after a finish, and a partial sum is its own'({ make, round }) {
    const sum = added(startOf(make), round().slice(0, 1));
    const early = sum.finish();
    const [kept, partial] = [structuredClone(early), sum.partial()];
    added(sum, round().slice(1));
    checkSame(early, kept, 'the aggregate of one update after others came');
    const again = startOf(make);
    again.merge(partial);
    checkSame(again.finish(), kept, 'the partial sum of one update after others came');
    checkSame(sum.finish(), flatOf(make, round), 'the aggregate after an early finish');
    checkSame(early, kept, 'the early aggregate after a later one was made');
  },
};

function startOf(make: () => Fold): RunningSum {
  const fold = make();
  if (fold.kind !== 'sum') throw new TypeError(`fold ${fold.name} is of kind ${fold.kind} when it is made again`);
  return fold.start(foldSpecs());
}

/** The round's aggregate, its updates added one by one. */
function flatOf(make: () => Fold, round: () => Contribution[]): Aggregate {
  return foldOnce(make(), round(), foldSpecs());
}

function added(sum: RunningSum, contributions: readonly Contribution[]): RunningSum {
  for (const contribution of contributions) sum.add(contribution);
  return sum;
}

function stored({ count, tensors }: PartialSum): PartialSum {
  return { count, tensors: decodeSafetensors(encodeSafetensors(tensors)) };
}
