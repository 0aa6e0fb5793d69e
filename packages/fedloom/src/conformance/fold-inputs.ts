import { type DType, elementCount, type Tensor } from '@fedloom/engine';
import { clientIndex, versionNumber } from '../core/brands.js';
import { sortedTensors } from '../core/params.js';
import { RandomStream } from '../core/random.js';
import type { Aggregate, Contribution, Fold } from '../update/fold-contract.js';
import type { UpdateSpec } from '../update/update.js';
import { namedHash } from './named-hash.js';
import { tensorOf } from './tensor-values.js';

const spec = (
  name: string,
  shape: readonly number[],
  dtype: DType = 'float32',
  kind: UpdateSpec['kind'] = 'trained',
  fold: UpdateSpec['fold'] = 'mean',
): UpdateSpec => ({ name, shape, dtype, fold, kind });

/** All dtypes and kinds, in no order; a list of its own at each call, since a flawed fold may change it. */
export const foldSpecs = (): UpdateSpec[] => [
  spec('2.steps', [], 'int64', 'buffer'),
  spec('0.weight', [40, 50]),
  spec('0.bias', [50]),
  spec('1.scale', [3, 1], 'float64'),
  spec('1.half', [7], 'float16'),
  spec('1.empty', [0, 4]),
  spec('2.mean', [3], 'float32', 'buffer'),
  spec('2.count', [2], 'int32', 'buffer'),
  spec('2.level', [4], 'uint8', 'buffer'),
  spec('2.seen', [2], 'bool', 'buffer'),
  spec('2.top', [3], 'float64', 'buffer', 'max'),
  spec('2.topCount', [2], 'int64', 'buffer', 'max'),
  spec('control/0.bias', [50], 'float32', 'upload'),
];

/** The fold under test with rounds for it: made anew for each call, since a fold may change what it is given. */
export interface FoldUnderTest {
  make(): Fold;
  round(seed?: number): Contribution[];
  readonly updates: number;
}

/** What folds must do, by its name. */
export type FoldCases = Readonly<Record<string, (fold: FoldUnderTest) => void>>;

/** A round of `foldSpecs`, clients from 0. */
export function contributionsOf(updates: number, seed: number): Contribution[] {
  return Array.from({ length: updates }, (_, client) => contributionOf(client, seed));
}

/** Floats of many magnitudes and both signs, whose sums in float64 depend on the order; some are zeros of both signs. */
export function contributionOf(client: number, seed: number): Contribution {
  const random = RandomStream.of(seed, 'fold-conformance', client);
  const tensors = foldSpecs().map(({ name, shape, dtype }): [string, Tensor] => {
    const values = Array.from({ length: elementCount(shape) }, () => elementOf(dtype, random));
    return [name, tensorOf(dtype, shape, values)];
  });
  const [weight, sampleCount] = [1 + random.integer(600), 1 + random.integer(600)];
  const base = { model: 'model', number: versionNumber(0), hash: namedHash('0') };
  const facts = { sampleCount, stepCount: 1 };
  return {
    update: { client: clientIndex(client), base, task: 0, attempt: 0, facts, tensors: sortedTensors(tensors) },
    weight,
  };
}

function elementOf(dtype: DType, random: RandomStream): number {
  if (dtype === 'bool') return random.integer(2);
  if (dtype === 'uint8') return random.integer(256);
  if (dtype === 'int32' || dtype === 'int64') return random.integer(2000) - 1000;
  if (random.integer(20) === 0) return random.integer(2) === 0 ? 0 : -0;
  return random.normal() * 2 ** (random.integer(32) - 27);
}

/** A round by either kind of fold, in the order of arrival; updates are sorted where the contract says so. */
export function foldOnce(fold: Fold, contributions: readonly Contribution[], specs: readonly UpdateSpec[]): Aggregate {
  if (fold.kind === 'individual') {
    return fold.combine(
      [...contributions].sort((a, b) => a.update.client - b.update.client),
      specs,
    );
  }
  const sum = fold.start(specs);
  for (const contribution of contributions) sum.add(contribution);
  return sum.finish();
}

/** The elements in a random order of its own for each `index`. */
export function shuffled<T>(elements: readonly T[], index: number): T[] {
  const places = Int32Array.from(elements.keys());
  RandomStream.of(1, 'test-order', index).shuffle(places);
  return [...places].flatMap((at) => elements.slice(at, at + 1));
}

/** The same update, its tensors in another order. */
export function reversedNames({ update, weight }: Contribution): Contribution {
  return { update: { ...update, tensors: new Map([...update.tensors].reverse()) }, weight };
}

/** Writes over the memory of an update, as what reads the next one into it would. */
export function erase({ update }: Contribution): void {
  for (const { data } of update.tensors.values()) {
    if (data instanceof BigInt64Array) data.fill(0n);
    else data.fill(0);
  }
}
