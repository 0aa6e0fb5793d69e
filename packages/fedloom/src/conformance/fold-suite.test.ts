import { FedloomError, zeros } from '@fedloom/engine';
import { describe, expect, test } from 'vitest';
import type { Aggregate, Contribution, Fold, IndividualFold, RunningSum, SumFold } from '../update/fold-contract.js';
import { defineFold } from '../update/folds/define-fold.js';
import { memoryOf } from '../update/folds/fold-tensors.js';
import { median } from '../update/folds/median.js';
import { meanFold } from '../update/mean-fold.js';
import { isFloat, type UpdateSpec } from '../update/update.js';
import { foldSuite } from './fold-suite.js';
import { tensorOf, valuesOf } from './tensor-values.js';
import { describeSuite } from './testing/describe-suite.js';
import { failures } from './testing/failures.js';
import { rationalFold } from './testing/rational-fold.js';

describeSuite('a sum fold of others', foldSuite(rationalFold));
describeSuite('an individual fold of others', foldSuite(zeroFold, { averages: false, updates: 4 }));

/** Neither averages nor needs more than one update. */
function zeroFold(): IndividualFold {
  const dtypeOf = ({ dtype, fold }: UpdateSpec) => (isFloat(dtype) && fold === 'mean' ? 'float64' : dtype);
  return defineFold<IndividualFold>({
    kind: 'individual',
    name: 'test/zero',
    options: { ignored: 1 },
    memoryBytes: (specs, updates) => memoryOf(specs, updates, 0),
    combine: (_, specs) => {
      const ascending = [...specs].sort((a, b) => (a.name < b.name ? -1 : 1));
      return new Map(ascending.map((spec) => [spec.name, zeros(dtypeOf(spec), spec.shape)]));
    },
  });
}

/** What becomes of the aggregate that the median makes. */
type Spoil = (aggregate: Aggregate, contributions: readonly Contribution[], specs: readonly UpdateSpec[]) => Aggregate;

/** The median with something that is not quite right. */
function flawed(spoil: Spoil, others: Partial<IndividualFold> = {}): IndividualFold {
  const { combine, ...sound } = median();
  return defineFold<IndividualFold>({
    ...sound,
    ...others,
    combine: (contributions, specs) => spoil(combine(contributions, specs), contributions, specs),
  });
}

/** The exact mean with a running sum that is not quite right. */
function flawedSum(flaw: (sound: RunningSum) => Partial<RunningSum>): SumFold {
  const sound = meanFold();
  const start: SumFold['start'] = (specs) => {
    const sum = sound.start(specs);
    return {
      get count() {
        return sum.count;
      },
      add: (contribution) => sum.add(contribution),
      partial: () => sum.partial(),
      merge: (partial) => sum.merge(partial),
      finish: () => sum.finish(),
      reset: () => sum.reset(),
      ...flaw(sum),
    };
  };
  return defineFold<SumFold>({ ...sound, start });
}

/** Sums `0.bias` in float64, in the order of arrival. */
function inOrderOfArrival(sum: RunningSum): Partial<RunningSum> {
  const sums = new Float64Array(50);
  let total = 0;
  return {
    add(contribution) {
      const { update, weight } = contribution;
      for (const [i, value] of valuesIn(update.tensors, '0.bias').entries()) sums[i] = (sums[i] ?? 0) + weight * value;
      total += weight;
      sum.add(contribution);
    },
    finish: () => withValues(sum.finish(), '0.bias', (_, i) => (sums[i] ?? 0) / total),
  };
}

/** Reads what it was given when it is asked for the result. */
function readLater(sum: RunningSum): Partial<RunningSum> {
  const waiting: Contribution[] = [];
  const settled = (): RunningSum => {
    for (const contribution of waiting.splice(0)) sum.add(contribution);
    return sum;
  };
  return {
    add: (contribution) => void waiting.push(contribution),
    partial: () => settled().partial(),
    finish: () => settled().finish(),
  };
}

function valuesIn(tensors: Contribution['update']['tensors'], name: string): number[] {
  const tensor = tensors.get(name);
  return tensor === undefined ? [] : valuesOf(tensor);
}

function withValues(aggregate: Aggregate, name: string, change: (value: number, i: number) => number): Aggregate {
  const values = valuesIn(aggregate, name).map(change);
  return aggregate.set(name, tensorOf('float64', [values.length], values));
}

let instances = 0;

test.each<[string, () => Fold, RegExp]>([
  ['options that can be changed', () => ({ ...median() }), /^is frozen.*use defineFold/m],
  [
    'settings that another instance does not have',
    () => flawed((aggregate) => aggregate, { options: { instance: instances++ } }),
    /^is frozen.*the fold made again\.options\.instance is \d+; it must be \d+/m,
  ],
  [
    'means of floats in their own dtype',
    () => flawed((aggregate) => aggregate.set('0.bias', zeros('float32', [50]))),
    /^gives every tensor once.*has float32 in tensor "0\.bias" where float64 is expected/m,
  ],
  [
    'names as they come',
    () => flawed((aggregate) => new Map([...aggregate].reverse())),
    /^gives every tensor once.*the order of the tensors is \["control\/0\.bias"/m,
  ],
  [
    'the order of the specs',
    () =>
      flawed((aggregate, _, [first]) =>
        withValues(aggregate, '2.mean', (value) => (first?.name === '2.steps' ? value : -value)),
      ),
    /^is a function.*tensors and specs reversed,\["2\.mean"\]\.data\[0\] is/m,
  ],
  [
    'a round that is remembered',
    () => {
      let rounds = 0;
      return flawed((aggregate) => withValues(aggregate, '2.mean', (value) => value * (1 + rounds++)));
    },
    /^is a function.*made again after another round,\["2\.mean"\]\.data\[\d\] is/m,
  ],
  [
    'one aggregate for all rounds',
    () => {
      const common: Aggregate = new Map();
      return flawed((aggregate) => {
        for (const [name, tensor] of aggregate) common.set(name, tensor);
        return common;
      });
    },
    /^is a function.*the aggregate after another round was folded\["0\.bias"\]\.data\[\d+\] is/m,
  ],
  [
    'memory of an update in the aggregate',
    () =>
      flawed((aggregate, [first]) => {
        const top = first?.update.tensors.get('2.top');
        return top === undefined ? aggregate : aggregate.set('2.top', top);
      }),
    /^leaves the specs.*after the memory of the updates was used again\["2\.top"\]\.data\[0\] is 0/m,
  ],
  [
    'specs that are sorted in place',
    () =>
      flawed((aggregate, _, specs) => {
        (specs as UpdateSpec[]).sort((a, b) => (a.name < b.name ? -1 : 1));
        return aggregate;
      }),
    /^leaves the specs.*the list of specs after the fold\[0\]\.name is "0\.bias"; it must be "2\.steps"/m,
  ],
  [
    'memory that is not counted',
    () => flawed((aggregate) => aggregate, { memoryBytes: () => 1000 }),
    /^states memory.*the first must be at least \d+/m,
  ],
  [
    'too few updates that nobody said beforehand',
    () =>
      flawed((aggregate, { length }) => {
        if (length < 3) throw new FedloomError('aggregate.too-few', 'too few', { fold: 'flawed', updates: length });
        return aggregate;
      }),
    /^takes one update.*\[1\] is "aggregate\.too-few"; it must be undefined/m,
  ],
  [
    'a sum that is not divided',
    () => flawed((aggregate, { length }) => withValues(aggregate, '2.mean', (value) => value * length)),
    /^gives what all clients agree on.*tensor "2\.mean" \[0\] is/m,
  ],
  [
    'values that no client has',
    () => flawed((aggregate, { length }) => withValues(aggregate, '2.mean', (value) => value + (length > 1 ? 1e6 : 0))),
    /^gives values between.*tensor "2\.mean" \[0\] is .*; the clients' are from/m,
  ],
])('the suite of folds finds %s', async (_flaw, make, said) => {
  expect(await failures(foldSuite(make))).toMatch(said);
});

describe('of sum folds it finds', () => {
  test('nothing in a sound one', async () => {
    expect(await failures(foldSuite(() => flawedSum(() => ({}))))).toBe('');
  });

  test.each<[string, (sound: RunningSum) => Partial<RunningSum>, RegExp]>([
    ['the order of arrival', inOrderOfArrival, /^is a function.*came in another order\["0\.bias"\]\.data\[\d+\] is/m],
    ['updates that nobody counts', () => ({ count: 0 }), /^sums of parts.*, merged, is 0/m],
    ['updates that are read later', readLater, /^needs no update any more.*the memory of each update used again/m],
    [
      'another aggregate in place',
      (sum) => ({ finishInPlace: () => withValues(sum.finish(), '0.bias', (_, i) => i) }),
      /^comes to the same aggregate in place.*the aggregate in place\["0\.bias"\]/m,
    ],
    ['a reset that keeps what came', () => ({ reset: () => undefined }), /^starts anew.*the count after a reset is 2/m],
    [
      'one aggregate for all results',
      (sum) => {
        const common: Aggregate = new Map();
        return {
          finish: () => {
            for (const [name, tensor] of sum.finish()) {
              const held = common.get(name)?.data;
              if (held === undefined) common.set(name, tensor);
              else (held as Float64Array).set(tensor.data as Float64Array);
            }
            return common;
          },
        };
      },
      /^can go on after a finish.*the early aggregate after a later one was made\["0\.bias"\]/m,
    ],
  ])('%s', async (_flaw, flaw, said) => {
    expect(await failures(foldSuite(() => flawedSum(flaw)))).toMatch(said);
  });
});
