import { bytesPerElement, elementCount, FedloomError, type Tensor } from '@fedloom/engine';
import { formatCall, parseCall } from '../core/call-text.js';
import type { Fold } from '../update/fold-contract.js';
import { checkAggregate } from '../update/folds/check-aggregate.js';
import { averagingFoldCases } from './averaging-fold-cases.js';
import {
  contributionsOf,
  erase,
  type FoldCases,
  type FoldUnderTest,
  foldOnce,
  foldSpecs,
  reversedNames,
  shuffled,
} from './fold-inputs.js';
import { checkSame } from './same.js';
import { type ConformanceCase, check, checkAccepted, checkEqual } from './suite.js';
import { sumFoldCases } from './sum-fold-cases.js';

export interface FoldSuiteOptions {
  /** Updates of a round: enough for the rule. Default 9. */
  readonly updates?: number;
  /**
   * Whether it gives a value between the clients' values, and one update as it is: true of all that choose or average. Not
   * of those that divide by a number fixed before. Default true.
   */
  readonly averages?: boolean;
}

/**
 * What every fold must do, whatever its rule. The updates hold floats of all sizes, integers, bools, maxima, uploads, and a
 * tensor without elements.
 * @param make the same fold each time, anew
 * @example for (const { name, run } of foldSuite(() => myFold({ trim: 2 }), { updates: 7 })) test(name, run);
 */
export function foldSuite(
  make: () => Fold,
  { updates = 9, averages = true }: FoldSuiteOptions = {},
): readonly ConformanceCase[] {
  const round = (seed = 1) => contributionsOf(updates, seed);
  const fold: FoldUnderTest = { make, round, updates };
  const chosen = {
    ...everyFold,
    ...(averages ? averagingFoldCases : {}),
    ...(make().kind === 'sum' ? sumFoldCases : {}),
  };
  return Object.entries(chosen).map(([name, run]) => ({ name, run: async () => run(fold) }));
}

const everyFold: FoldCases = {
  'is frozen, and its options are all that a call needs'({ make }) {
    const { name, options } = make();
    check(
      Object.isFrozen(make()) && Object.isFrozen(options),
      'the fold or its options can be changed: use defineFold',
    );
    const call = formatCall(name, options);
    checkSame(parseCall(call), { name, options }, `what ${call} says`);
    checkSame({ name: make().name, options: make().options }, { name, options }, 'the fold made again');
  },

  'gives every tensor once, ascending by name, in its shape; means of floats as float64'({ make, round }) {
    const aggregate = foldOnce(make(), round(), foldSpecs());
    checkAccepted(() => checkAggregate(make(), aggregate, foldSpecs()), 'the check of the aggregate');
    checkEqual(
      [...aggregate.keys()],
      foldSpecs()
        .map(({ name }) => name)
        .sort(),
      'the order of the tensors',
    );
  },

  'is a function of the updates: the same bits in another round, of another fold, in another order'({ make, round }) {
    const fold = make();
    const first = foldOnce(fold, round(), foldSpecs());
    const expected = structuredClone(first);
    foldOnce(fold, round(2), foldSpecs());
    checkSame(first, expected, 'the aggregate after another round was folded');
    checkSame(foldOnce(fold, round(), foldSpecs()), expected, 'the aggregate, made again after another round,');
    const reversed = foldOnce(make(), round().map(reversedNames), foldSpecs().reverse());
    checkSame(reversed, expected, 'the aggregate of another instance, tensors and specs reversed,');
    for (let order = 0; order < 5; order++) {
      const arrived = shuffled(round(), order);
      checkSame(foldOnce(fold, arrived, foldSpecs()), expected, 'the aggregate of updates that came in another order');
    }
  },

  'leaves the specs as they were, and shares no memory with the updates'({ make, round }) {
    const specs = foldSpecs();
    const contributions = round();
    const aggregate = foldOnce(make(), contributions, specs);
    checkSame(specs, foldSpecs(), 'the list of specs after the fold');
    const kept = structuredClone(aggregate);
    for (const contribution of contributions) erase(contribution);
    checkSame(aggregate, kept, 'the aggregate after the memory of the updates was used again');
  },

  'states memory that holds what it makes, and what it is given if it needs all at once'({ make, round, updates }) {
    const fold = make();
    const given = foldSpecs().reduce((sum, { shape, dtype }) => sum + elementCount(shape) * bytesPerElement[dtype], 0);
    const made = bytesOf(foldOnce(fold, round(), foldSpecs()).values());
    const [small, large] = [fold.memoryBytes(foldSpecs(), updates), fold.memoryBytes(foldSpecs(), 10 * updates)];
    const stated = `memoryBytes is ${small} for ${updates} updates and ${large} for ${10 * updates}`;
    check(Number.isSafeInteger(small) && Number.isSafeInteger(large), `${stated}; they must be whole numbers`);
    const least = made + (fold.kind === 'individual' ? updates * given : 0);
    check(small >= least, `${stated}; the first must be at least ${least}`);
    if (fold.kind === 'individual') {
      check(large - small >= 9 * updates * given, `${stated}; each update more takes ${given} bytes`);
      return;
    }
    // A sum may keep room for carries once there are many.
    const [many, more] = [1e6, 1e7].map((count) => fold.memoryBytes(foldSpecs(), count));
    check(many === more, `memoryBytes is ${many} for 1e6 updates and ${more} for 1e7; a sum forgets each update`);
  },

  'takes one update, unless its rule says that it is too few'({ make, updates }) {
    const fold = make();
    const refused = codeOf(() => fold.checkCohort?.(1));
    const failed = codeOf(() => foldOnce(fold, contributionsOf(1, 1), foldSpecs()));
    const expected = refused === undefined ? [undefined, undefined] : ['fold.too-few', 'aggregate.too-few'];
    checkSame([refused, failed], expected, 'the codes with which checkCohort and the fold refuse one update');
    checkSame(
      codeOf(() => fold.checkCohort?.(updates)),
      undefined,
      `the code for ${updates} updates`,
    );
  },
};

function bytesOf(tensors: Iterable<Tensor>): number {
  return [...tensors].reduce((sum, { data }) => sum + data.byteLength, 0);
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof FedloomError) return error.code;
    throw error;
  }
}
