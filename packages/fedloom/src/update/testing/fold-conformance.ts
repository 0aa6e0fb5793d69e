import { bytesPerElement, type DType, elementCount, FedloomError, type Tensor, type TensorData } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { formatCall, parseCall } from '../../core/call-text.js';
import { RandomStream } from '../../core/random.js';
import type { Aggregate, Contribution, Fold, SumFold } from '../fold-contract.js';
import { checkAggregate } from '../folds/check-aggregate.js';
import type { UpdateSpec } from '../update.js';
import { contributionOf, specOf, valuesOf } from './fold-inputs.js';
import { shuffledIndices } from './rational.js';

export interface FoldConformanceOptions {
  /** Updates of a round in these tests: enough for the rule. */
  readonly updates?: number;
  /**
   * Whether it gives a value between the clients' values, and one update as it is: true of all that choose or average. Not
   * of those that divide by a number fixed before.
   */
  readonly averages?: boolean;
}

/** All dtypes and kinds, in no order. */
const SPECS: readonly UpdateSpec[] = [
  specOf('2.steps', [], { dtype: 'int64', kind: 'buffer' }),
  specOf('0.weight', [40, 50]),
  specOf('0.bias', [50]),
  specOf('1.scale', [3, 1], { dtype: 'float64' }),
  specOf('1.half', [7], { dtype: 'float16' }),
  specOf('1.empty', [0, 4]),
  specOf('2.mean', [3], { kind: 'buffer' }),
  specOf('2.count', [2], { dtype: 'int32', kind: 'buffer' }),
  specOf('2.level', [4], { dtype: 'uint8', kind: 'buffer' }),
  specOf('2.seen', [2], { dtype: 'bool', kind: 'buffer' }),
  specOf('2.top', [3], { dtype: 'float64', fold: 'max', kind: 'buffer' }),
  specOf('2.topCount', [2], { dtype: 'int64', fold: 'max', kind: 'buffer' }),
  specOf('control/0.bias', [50], { kind: 'upload' }),
];

/** What every fold keeps to, whatever its rule. Run it on a fold of your own as the built-in ones do. */
export function foldConformance(make: () => Fold, { updates = 9, averages = true }: FoldConformanceOptions = {}): void {
  const round = (seed = 1) => Array.from({ length: updates }, (_, client) => randomContribution(seed, client));
  const first = make();

  describe(`${formatCall(first.name, first.options)} keeps to the contract`, () => {
    it('is frozen, and its options are all that a call needs', () => {
      expect([Object.isFrozen(first), Object.isFrozen(first.options)]).toEqual([true, true]);
      expect(parseCall(formatCall(first.name, first.options))).toEqual({ name: first.name, options: first.options });
      expect(make().options).toEqual(first.options);
    });

    it('gives every tensor once, ascending by name, in its shape; means of floats as float64', () => {
      const aggregate = foldOnce(make(), round(), SPECS);
      checkAggregate(first, aggregate, SPECS);
      expect([...aggregate.keys()]).toEqual(SPECS.map(({ name }) => name).sort());
    });

    it('is a function of the updates: the same bits in another round, of another fold, in another order', () => {
      const fold = make();
      const expected = foldOnce(fold, round(), SPECS);
      foldOnce(fold, round(2), SPECS);
      expect(foldOnce(fold, round(), SPECS)).toEqual(expected);
      expect(foldOnce(make(), round().map(reversedNames), [...SPECS].reverse())).toEqual(expected);
      for (let i = 0; i < 5; i++) {
        const contributions = round();
        const arrival = shuffledIndices(updates, i).map((at) => contributions[at] as Contribution);
        expect(foldOnce(fold, arrival, SPECS)).toEqual(expected);
      }
    });

    it('leaves the specs as they were, and shares no memory with the updates', () => {
      const specs = structuredClone(SPECS);
      const contributions = round();
      const aggregate = foldOnce(make(), contributions, specs);
      expect(specs).toEqual(SPECS);
      const kept = structuredClone(aggregate);
      for (const { update } of contributions) for (const { data } of update.tensors.values()) erase(data);
      expect(aggregate).toEqual(kept);
    });

    it('states memory that holds what it makes, and what it is given if it needs all at once', () => {
      const fold = make();
      const bytesOf = (tensors: Iterable<Tensor>) => [...tensors].reduce((sum, { data }) => sum + data.byteLength, 0);
      const given = SPECS.reduce((sum, { shape, dtype }) => sum + elementCount(shape) * bytesPerElement[dtype], 0);
      const made = bytesOf(foldOnce(fold, round(), SPECS).values());
      const stated = [updates, 10 * updates].map((count) => fold.memoryBytes(SPECS, count));
      for (const bytes of stated) expect(Number.isSafeInteger(bytes)).toBe(true);
      const [small = 0, large = 0] = stated;
      expect(small).toBeGreaterThanOrEqual(made + (fold.kind === 'individual' ? updates * given : 0));
      if (fold.kind === 'sum') expect(large).toBe(small);
      else expect(large - small).toBeGreaterThanOrEqual(9 * updates * given);
    });

    it('takes one update, unless its rule says that it is too few', () => {
      const fold = make();
      const alone = [randomContribution(1, 0)];
      const refused = codeOf(() => fold.checkCohort?.(1));
      const code = codeOf(() => foldOnce(fold, alone, SPECS));
      expect([refused, code]).toEqual(
        refused === undefined ? [undefined, undefined] : ['fold.too-few', 'aggregate.too-few'],
      );
      expect(codeOf(() => fold.checkCohort?.(updates))).toBe(undefined);
      if (averages && refused === undefined) expectSame(foldOnce(fold, alone, SPECS), randomContribution(1, 0));
    });

    if (averages) averagesSuite(make, updates, round);
    if (first.kind === 'sum') sumSuite(make as () => SumFold, round);
  });
}

function averagesSuite(make: () => Fold, updates: number, round: () => Contribution[]): void {
  it('gives what all clients agree on', () => {
    const agreed = () =>
      Array.from({ length: updates }, (_, client) => {
        const { update } = randomContribution(3, 0);
        return { update: { ...update, client }, weight: 1 };
      });
    expectSame(foldOnce(make(), agreed(), SPECS), randomContribution(3, 0));
  });

  it("gives values between the clients' smallest and largest", () => {
    const contributions = round();
    const outside = [...foldOnce(make(), round(), SPECS)].flatMap(([name, tensor]) => {
      const clients = contributions.map(({ update }) => valuesOf(update.tensors.get(name) as Tensor));
      return valuesOf(tensor).filter((value, i) => {
        const all = clients.map((values) => values[i] as number);
        const slack = 1e-12 * Math.max(...all.map(Math.abs));
        return !(value >= Math.min(...all) - slack && value <= Math.max(...all) + slack);
      });
    });
    expect(outside).toEqual([]);
  });
}

function sumSuite(make: () => SumFold, round: () => Contribution[]): void {
  it('sums of parts make the sum of all, to the bit, whatever the parts', () => {
    const flat = foldOnce(make(), round(), SPECS);
    for (const cut of [0, 1, 4, round().length]) {
      const parts = [round().slice(0, cut), round().slice(cut)].map((contributions) => {
        const sum = make().start(SPECS);
        for (const contribution of contributions) sum.add(contribution);
        return sum;
      });
      const whole = make().start(SPECS);
      for (const part of parts.reverse()) whole.merge(part.partial());
      expect([whole.count, whole.finish()]).toEqual([round().length, flat]);
    }
  });

  it('starts anew after a reset', () => {
    const sum = make().start(SPECS);
    sum.add(randomContribution(7, 0));
    sum.reset();
    expect(sum.count).toBe(0);
    for (const contribution of round()) sum.add(contribution);
    expect(sum.finish()).toEqual(foldOnce(make(), round(), SPECS));
  });

  it('can go on after a finish, and a partial sum is its own', () => {
    const sum = make().start(SPECS);
    const [one, ...others] = round();
    sum.add(one as Contribution);
    const early = sum.finish();
    const [kept, partial] = [structuredClone(early), sum.partial()];
    for (const contribution of others) sum.add(contribution);
    expect(early).toEqual(kept);
    const again = make().start(SPECS);
    again.merge(partial);
    expect(again.finish()).toEqual(kept);
    expect(sum.finish()).toEqual(foldOnce(make(), round(), SPECS));
  });
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

/** Floats of many magnitudes and both signs, whose sums in float64 depend on the order. */
function randomContribution(seed: number, client: number): Contribution {
  const random = RandomStream.of(seed, 'fold-conformance', client);
  const values = SPECS.map(({ shape, dtype }) =>
    Array.from({ length: elementCount(shape) }, () => randomValue(dtype, random)),
  );
  return contributionOf(client, SPECS, values, {
    weight: 1 + random.integer(600),
    sampleCount: 1 + random.integer(600),
  });
}

function randomValue(dtype: DType, random: RandomStream): number {
  if (dtype === 'bool') return random.integer(2);
  if (dtype === 'uint8') return random.integer(256);
  if (dtype === 'int32' || dtype === 'int64') return random.integer(2000) - 1000;
  return random.normal() * 2 ** (random.integer(20) - 15);
}

function erase(data: TensorData): void {
  if (data instanceof BigInt64Array) data.fill(0n);
  else data.fill(0);
}

function reversedNames({ update, weight }: Contribution): Contribution {
  return { update: { ...update, tensors: new Map([...update.tensors].reverse()) }, weight };
}

function expectSame(aggregate: Aggregate, { update }: Contribution): void {
  for (const [name, tensor] of aggregate) {
    const expected = valuesOf(update.tensors.get(name) as Tensor);
    const worst = Math.max(0, ...valuesOf(tensor).map((value, i) => Math.abs(value - (expected[i] as number))));
    expect(worst, name).toBeLessThanOrEqual(1e-15 * Math.max(0, ...expected.map(Math.abs)));
  }
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
