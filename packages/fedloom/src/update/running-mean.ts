import { elementCount, FedloomError, type Tensor, type TensorData } from '@fedloom/engine';
import { decodeHalves } from '../core/float16.js';
import { sortedTensors } from '../core/params.js';
import type { Aggregate, Contribution, PartialSum, RunningSum } from './fold-contract.js';
import { IndexedSums, layOutSlots } from './indexed-sums.js';
import { roundedIntegers } from './integer-quotient.js';
import { elementwiseMaximum } from './maximum.js';
import { type MeanImage, readPartial, type SumKeys, writePartial } from './partial-mean.js';
import { LEVEL_BITS, levelOf, TERM_MAX } from './quanta.js';
import type { SumSlot } from './sum-kernel.js';
import { isFloat, type Update, type UpdateSpec } from './update.js';
import { checkTensors } from './update-check.js';
import { roundedWeight, significandOf } from './weight.js';

/** An integer times the significand of its weight: up to here their product is exact in float64. */
const INTEGER_PRODUCT_MAX = 2 ** 53;
const COUNT_MAX = 2 ** 31 - 1;

/** Who gives the weights of a tensor: the algorithm or the sample counts. */
type Weighing = 'trained' | 'buffer';

interface MeanTensor {
  readonly spec: UpdateSpec;
  /** In the order of the specs. */
  readonly index: number;
  readonly slot: SumSlot;
  readonly weighing: Weighing;
}

/** What an update adds: all that can be refused was checked. */
interface Plan {
  readonly weights: Readonly<Record<Weighing, number>>;
  /** The largest |weight * value| of each tensor of `means`. */
  readonly terms: readonly number[];
}

/**
 * The weighted mean of client updates, sum_i w_i x_i / sum_i w_i, folded in O(model) memory: 20 bytes for each float32 of
 * up to 224 updates, at most 28 for more. The result is a function of the set of updates and their weights, equal to the bit
 * whatever the order in which they are added and however they are grouped into partial sums.
 *
 * How exact: let M be the largest |w_i x_i| among all elements of a tensor and all m updates. Then the mean of each element
 * differs from the rational one of the same weights by at most m 2^-46 M / sum_i w_i for float32 and float16, whose
 * products w_i x_i are exact, and m 2^-92 M / sum_i w_i for float64, whose products are within 2^-53 of themselves (or
 * 2^-1075); and in any case by 2^-50 of itself. A mean of zeros is +0. Integers are summed as float64 is, which is exact unless some
 * of their terms are 2^-92 of others, and their mean is rounded half to even from the exact quotient.
 *
 * What the sums cannot hold is refused before it touches them: a value, or it times its weight, beyond 2^900; an integer
 * whose product with its weight needs more than 53 bits, which none below 2^29 does.
 */
export class RunningMean implements RunningSum {
  readonly #specs: readonly UpdateSpec[];
  readonly #means: readonly MeanTensor[];
  readonly #totals: Readonly<Record<Weighing, SumSlot>>;
  readonly #keys: SumKeys;
  readonly #sums: IndexedSums;
  /** A weight on its way to its total. */
  readonly #oneNumber = new Float64Array(1);
  #maxima = new Map<string, TensorData>();
  #count = 0;

  /** @param kernel `plain`: the reference in TypeScript, for tests */
  constructor(specs: readonly UpdateSpec[], kernel: 'auto' | 'plain' = 'auto') {
    this.#specs = specs;
    const means = specs.flatMap((spec, index) => (spec.fold === 'mean' ? [{ spec, index }] : []));
    const total = { length: 1, parts: 3 } as const;
    const { slots, lengths } = layOutSlots([
      total,
      total,
      ...means.map(({ spec: { shape, dtype } }) => {
        const parts: 2 | 3 = dtype === 'float32' || dtype === 'float16' ? 2 : 3;
        return { length: elementCount(shape), parts };
      }),
    ]);
    const [trained, buffer, ...rest] = slots as [SumSlot, SumSlot, ...SumSlot[]];
    this.#totals = { trained, buffer };
    this.#means = rest.map((slot, i) => {
      const { spec, index } = means[i] as (typeof means)[number];
      return { spec, index, slot, weighing: spec.kind === 'buffer' ? 'buffer' : 'trained' };
    });
    this.#keys = {
      sums: slots.map(({ length, parts }, i) => ({
        key: i < 2 ? `weights/${i === 0 ? 'trained' : 'buffer'}` : `mean/${means[i - 2]?.spec.name}`,
        length,
        parts,
      })),
      maxima: specs.filter(({ fold }) => fold === 'max'),
    };
    this.#sums = new IndexedSums(slots, lengths, kernel);
  }

  get count(): number {
    return this.#count;
  }

  add({ update, weight, magnitudes }: Contribution): void {
    const plan = this.#plan(update, weight, magnitudes);
    for (const [i, { slot }] of this.#means.entries()) this.#raiseFor(slot, plan.terms[i] ?? 0);
    for (const weighing of ['trained', 'buffer'] as const)
      this.#raiseFor(this.#totals[weighing], plan.weights[weighing]);
    this.#sums.expectTerm();
    for (const { spec, slot, weighing } of this.#means) {
      this.#sums.add(floatsOf(tensorOf(update, spec)), slot, plan.weights[weighing]);
    }
    for (const weighing of ['trained', 'buffer'] as const) {
      this.#oneNumber[0] = plan.weights[weighing];
      this.#sums.add(this.#oneNumber, this.#totals[weighing], 1);
    }
    this.#takeMaxima(this.#keys.maxima.map((spec) => [spec.name, tensorOf(update, spec)]));
    this.#count += 1;
  }

  partial(): PartialSum {
    const { maxima } = this.#keys;
    const image: MeanImage = {
      sums: this.#sums.image(),
      maxima: new Map(
        maxima.flatMap(({ name, dtype, shape }) => {
          const data = this.#maxima.get(name);
          return data === undefined ? [] : [[name, { dtype, shape, data: data.slice() }]];
        }),
      ),
    };
    return { count: this.#count, tensors: writePartial(this.#keys, image) };
  }

  /** @throws FedloomError `aggregate.partial` for what is no partial sum of these specs */
  merge(partial: PartialSum): void {
    const { sums, maxima } = readPartial(this.#keys, partial);
    const count = this.#count + partial.count;
    if (count > COUNT_MAX) throw new RangeError(`the sum of ${count} updates: at most ${COUNT_MAX} can be held`);
    if (partial.count === 0) return;
    this.#sums.merge(sums);
    this.#takeMaxima(maxima);
    this.#count = count;
  }

  /** @throws FedloomError `aggregate.empty` without updates, `aggregate.weights` when all weights are 0 */
  finish(): Aggregate {
    if (this.#count === 0) throw new FedloomError('aggregate.empty', 'There is no mean of no updates.');
    const means = this.#means.map((mean): [string, Tensor] => [mean.spec.name, this.#meanOf(mean)]);
    const maxima = this.#keys.maxima.map(({ name, dtype, shape }): [string, Tensor] => {
      const data = this.#maxima.get(name);
      if (data === undefined) throw new RangeError(`no maximum of "${name}"`);
      return [name, { dtype, shape, data: data.slice() }];
    });
    return sortedTensors([...means, ...maxima]);
  }

  reset(): void {
    this.#sums.clear();
    this.#maxima = new Map();
    this.#count = 0;
  }

  #plan(update: Update, weight: number, magnitudes: Float64Array | undefined): Plan {
    const who = `client ${update.client}`;
    const found = magnitudes ?? checkTensors(update.tensors, this.#specs, who);
    const weights = {
      trained: roundedWeight(weight, who),
      buffer: roundedWeight(update.facts.sampleCount ?? Number.NaN, who),
    };
    const terms = this.#means.map(({ spec, index, weighing }) => {
      const [magnitude, weight] = [found[index] ?? Number.NaN, weights[weighing]];
      const term = weight * magnitude;
      if (!(term <= TERM_MAX && magnitude <= TERM_MAX)) throw tooLarge(spec, magnitude, weight, who);
      const isExact = isFloat(spec.dtype) || magnitude * significandOf(weight) <= INTEGER_PRODUCT_MAX;
      if (!isExact) throw tooLargeInteger(spec, magnitude, weight, who);
      return term;
    });
    return { weights, terms };
  }

  #raiseFor(slot: SumSlot, term: number): void {
    this.#sums.raise(slot, levelOf(term, slot.level));
  }

  #takeMaxima(tensors: Iterable<readonly [string, Tensor]>): void {
    for (const [name, tensor] of tensors) this.#maxima.set(name, elementwiseMaximum(this.#maxima.get(name), tensor));
  }

  #totalOf(weighing: Weighing, name: string): number {
    const total = this.#quotients(this.#totals[weighing], 1)[0] ?? 0;
    if (total > 0) return total;
    throw new FedloomError(
      'aggregate.weights',
      `There is no mean of tensor "${name}": the weights of all ${this.#count} updates are 0. The algorithm's \`weight\` ` +
        'must give at least one client of a round more.',
      { name, count: this.#count },
    );
  }

  #meanOf({ spec: { name, dtype, shape }, slot, weighing }: MeanTensor): Tensor {
    const total = this.#totalOf(weighing, name);
    if (isFloat(dtype)) return { dtype: 'float64', shape, data: this.#quotients(slot, total) };
    const totalSlot = this.#totals[weighing];
    const exactTotal = this.#sums.exactSum(totalSlot, 0);
    const exact = (element: number) => {
      const shift = BigInt(LEVEL_BITS * (slot.level - totalSlot.level));
      const sum = this.#sums.exactSum(slot, element);
      return shift >= 0n ? ([sum << shift, exactTotal] as const) : ([sum, exactTotal << -shift] as const);
    };
    return { dtype, shape, data: roundedIntegers({ sums: this.#quotients(slot, 1), total, exact }, dtype) };
  }

  #quotients(slot: SumSlot, denominator: number): Float64Array {
    const quotients = new Float64Array(slot.length);
    this.#sums.divide(slot, denominator, quotients);
    return quotients;
  }
}

function tensorOf({ tensors }: Update, { name }: Pick<UpdateSpec, 'name'>): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new RangeError(`an update with magnitudes lacks tensor "${name}"`);
  return tensor;
}

/** As the sums take them; exact, since larger integers are refused. */
function floatsOf({ dtype, data }: Tensor): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (dtype === 'float16') return new Float32Array(decodeHalves(data as Uint16Array));
  return data instanceof BigInt64Array ? Float64Array.from(data, Number) : new Float64Array(data);
}

function tooLarge({ name }: UpdateSpec, magnitude: number, weight: number, who: string): FedloomError {
  return new FedloomError(
    'update.too-large',
    `The update of ${who} holds a value of magnitude ${magnitude} in tensor "${name}", with a weight of ${weight}: the exact ` +
      'aggregate holds values, and values times weights, up to 2^900. Its training diverged, or its weight is wrong.',
    { who, tensor: name, magnitude, weight },
  );
}

function tooLargeInteger({ name, dtype }: UpdateSpec, magnitude: number, weight: number, who: string): FedloomError {
  return new FedloomError(
    'update.too-large',
    `The update of ${who} holds ${dtype} ${magnitude} in tensor "${name}", which is not exact times its weight of ${weight}: ` +
      'averaged integers are counters and pixels below 2^29. Send others as float64, or fold them by `max`.',
    { who, tensor: name, magnitude, weight },
  );
}
