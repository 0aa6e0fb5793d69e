import { elementCount, FedloomError, type Tensor, type TensorData } from '@fedloom/engine';
import { decodeHalves } from '../core/float16.js';
import { sortedTensors } from '../core/params.js';
import type { Aggregate, Contribution, PartialSum, RunningSum } from './fold-contract.js';
import { IndexedSums, layOutSlots } from './indexed-sums.js';
import { type IntegerData, IntegerSums, ONE } from './integer-sums.js';
import { elementwiseMaximum } from './maximum.js';
import { type MeanImage, readPartial, type SumKeys, writePartial } from './partial-mean.js';
import { levelOf } from './quanta.js';
import type { SumSlot } from './sum-kernel.js';
import { isFloat, type Update, type UpdateSpec } from './update.js';
import { checkTensors, checkTerms } from './update-check.js';
import { roundedWeight } from './weight.js';

/** Float32 and float16 tensors of fewer elements, biases and norms, are summed in three parts as float64 ones: it costs nothing. */
const SMALL_ELEMENTS = 4096;
const COUNT_MAX = 2 ** 31 - 1;

/** For tests: partial sums merge where these are equal. */
export interface RunningMeanOptions {
  /** `plain`: the reference in TypeScript. */
  readonly kernel?: 'auto' | 'plain';
  readonly smallElements?: number;
}

/** Who gives the weights of a tensor: the algorithm or the sample counts. */
const WEIGHINGS = ['trained', 'buffer'] as const;
type Weighing = (typeof WEIGHINGS)[number];

interface MeanTensor {
  readonly spec: UpdateSpec;
  /** In the order of the specs. */
  readonly index: number;
  readonly weighing: Weighing;
}

interface FloatTensor extends MeanTensor {
  readonly slot: SumSlot;
}

interface IntegerTensor extends MeanTensor {
  readonly sums: IntegerSums;
}

/**
 * The weighted mean of client updates, sum_i w_i x_i / sum_i w_i, folded in O(model) memory: 20 bytes for each float32 of
 * up to 224 updates, at most 28 for more. The result is a function of the set of updates and their weights, equal to the bit
 * whatever the order in which they are added and however they are grouped into partial sums.
 *
 * How exact: let M be the largest |w_i x_i| among all elements of a tensor and all m updates. Then the mean of each element
 * differs from the rational one of the same weights by at most
 * - m 2^-46 M / sum_i w_i for float32 and float16 tensors of `SMALL_ELEMENTS` (4096) and more, whose products w_i x_i are exact:
 *   where weights are about equal, elements down to 2^-22 of the tensor's largest have float32 precision, those below less;
 * - m 2^-92 M / sum_i w_i for smaller ones: float32 precision down to 2^-68 of the largest;
 * - m 2^-92 M / sum_i w_i for float64, whose products are within 2^-53 of themselves (or 2^-1075);
 * and in any case by 2^-50 of itself. A mean of zeros is +0. Sums of integers are exact, and so is the sum of the weights;
 * an integer's mean is rounded half to even from the exact quotient.
 *
 * What the sums cannot hold is refused before it touches them: a value, or it times its weight, beyond 2^900 (`checkTerms`).
 */
export class RunningMean implements RunningSum {
  readonly #specs: readonly UpdateSpec[];
  readonly #floats: readonly FloatTensor[];
  readonly #integers: readonly IntegerTensor[];
  readonly #totals: Readonly<Record<Weighing, IntegerSums>>;
  readonly #keys: SumKeys;
  readonly #sums: IndexedSums;
  #maxima = new Map<string, TensorData>();
  #count = 0;

  constructor(specs: readonly UpdateSpec[], options: RunningMeanOptions = {}) {
    const { kernel = 'auto', smallElements = SMALL_ELEMENTS } = options;
    this.#specs = specs;
    const means = specs.flatMap((spec, index): MeanTensor[] =>
      spec.fold === 'mean' ? [{ spec, index, weighing: spec.kind === 'buffer' ? 'buffer' : 'trained' }] : [],
    );
    const floats = means.filter(({ spec }) => isFloat(spec.dtype));
    const { slots, lengths } = layOutSlots(
      floats.map(({ spec }) => ({ length: elementCount(spec.shape), parts: partsOf(spec, smallElements) })),
    );
    this.#floats = slots.map((slot, i) => ({ ...(floats[i] as MeanTensor), slot }));
    this.#integers = means
      .filter(({ spec }) => !isFloat(spec.dtype))
      .map((mean) => ({ ...mean, sums: new IntegerSums(elementCount(mean.spec.shape)) }));
    this.#totals = { trained: new IntegerSums(1), buffer: new IntegerSums(1) };
    this.#keys = {
      sums: this.#floats.map(({ spec, slot: { length, parts } }) => ({ key: `mean/${spec.name}`, length, parts })),
      integers: [
        ...WEIGHINGS.map((weighing) => ({ key: `weights/${weighing}`, length: 1 })),
        ...this.#integers.map(({ spec }) => ({ key: `mean/${spec.name}`, length: elementCount(spec.shape) })),
      ],
      maxima: specs.filter(({ fold }) => fold === 'max'),
    };
    this.#sums = new IndexedSums(slots, lengths, kernel);
  }

  get count(): number {
    return this.#count;
  }

  /** @throws FedloomError `update.*`, but not for what `checkUpdate`, `roundedWeight` and `checkTerms` have let through */
  add({ update, weight, magnitudes }: Contribution): void {
    const who = `client ${update.client}`;
    const found = magnitudes ?? checkTensors(update.tensors, this.#specs, who);
    const weights = {
      trained: roundedWeight(weight, who),
      buffer: roundedWeight(update.facts.sampleCount ?? Number.NaN, who),
    };
    checkTerms(update, weights.trained, found, this.#specs);
    const magnitudeOf = ({ index }: MeanTensor) => found[index] ?? 0;
    for (const mean of this.#floats) {
      const term = weights[mean.weighing] * magnitudeOf(mean);
      this.#sums.raise(mean.slot, levelOf(term, mean.slot.level));
    }
    this.#sums.expectTerm();
    for (const { spec, slot, weighing } of this.#floats) {
      this.#sums.add(floatsOf(tensorOf(update, spec)), slot, weights[weighing]);
    }
    for (const mean of this.#integers) {
      mean.sums.add(tensorOf(update, mean.spec).data as IntegerData, weights[mean.weighing], magnitudeOf(mean));
    }
    for (const weighing of WEIGHINGS) this.#totals[weighing].add(ONE, weights[weighing], 1);
    for (const spec of this.#keys.maxima) this.#takeMaximum(spec.name, tensorOf(update, spec));
    this.#count += 1;
  }

  partial(): PartialSum {
    const { maxima } = this.#keys;
    const image: MeanImage = {
      sums: this.#sums.image(),
      integers: this.#integerSums().map((sums) => sums.image()),
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
    const { sums, integers, maxima } = readPartial(this.#keys, partial);
    const count = this.#count + partial.count;
    if (count > COUNT_MAX) throw new RangeError(`the sum of ${count} updates: at most ${COUNT_MAX} can be held`);
    if (partial.count === 0) return;
    this.#sums.merge(sums);
    for (const [place, own] of this.#integerSums().entries()) {
      const image = integers[place];
      if (image !== undefined) own.merge(image);
    }
    for (const [name, tensor] of maxima) this.#takeMaximum(name, tensor);
    this.#count = count;
  }

  /** @throws FedloomError `aggregate.empty` without updates, `aggregate.weights` when all weights are 0 */
  finish(): Aggregate {
    return this.#finish((slot) => new Float64Array(slot.length));
  }

  /** The mean of each float in the place of its high part. */
  finishInPlace(): Aggregate {
    return this.#finish((slot) => this.#sums.highPart(slot));
  }

  /** @param roomFor gives the memory of a slot's means */
  #finish(roomFor: (slot: SumSlot) => Float64Array): Aggregate {
    if (this.#count === 0) throw new FedloomError('aggregate.empty', 'There is no mean of no updates.');
    const floats = this.#floats.map((mean): [string, Tensor] => [
      mean.spec.name,
      this.#floatMean(mean, roomFor(mean.slot)),
    ]);
    const integers = this.#integers.map((mean): [string, Tensor] => [mean.spec.name, this.#integerMean(mean)]);
    const maxima = this.#keys.maxima.map(({ name, dtype, shape }): [string, Tensor] => {
      const data = this.#maxima.get(name);
      if (data === undefined) throw new RangeError(`no maximum of "${name}"`);
      return [name, { dtype, shape, data: data.slice() }];
    });
    return sortedTensors([...floats, ...integers, ...maxima]);
  }

  reset(): void {
    this.#sums.clear();
    for (const sums of this.#integerSums()) sums.clear();
    this.#maxima = new Map();
    this.#count = 0;
  }

  /** In the order of their keys. */
  #integerSums(): IntegerSums[] {
    return [...WEIGHINGS.map((weighing) => this.#totals[weighing]), ...this.#integers.map(({ sums }) => sums)];
  }

  #takeMaximum(name: string, tensor: Tensor): void {
    this.#maxima.set(name, elementwiseMaximum(this.#maxima.get(name), tensor));
  }

  #totalOf({ weighing, spec: { name } }: MeanTensor): IntegerSums {
    const total = this.#totals[weighing];
    if (total.first > 0) return total;
    throw new FedloomError(
      'aggregate.weights',
      `There is no mean of tensor "${name}": the weights of all ${this.#count} updates are 0. The algorithm's \`weight\` ` +
        'must give at least one client of a round more.',
      { name, count: this.#count },
    );
  }

  #floatMean(mean: FloatTensor, data: Float64Array): Tensor {
    this.#sums.divide(mean.slot, this.#totalOf(mean).first, data);
    return { dtype: 'float64', shape: mean.spec.shape, data };
  }

  #integerMean(mean: IntegerTensor): Tensor {
    const { dtype, shape } = mean.spec;
    return { dtype, shape, data: mean.sums.quotients(this.#totalOf(mean), dtype) };
  }
}

/** In how many parts the sums of a float tensor are kept: see `RunningMean`. */
export function partsOf({ dtype, shape }: UpdateSpec, smallElements = SMALL_ELEMENTS): 2 | 3 {
  return dtype === 'float64' || elementCount(shape) < smallElements ? 3 : 2;
}

function tensorOf({ tensors }: Update, { name }: Pick<UpdateSpec, 'name'>): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new RangeError(`an update with magnitudes lacks tensor "${name}"`);
  return tensor;
}

/** As the sums take them. */
function floatsOf({ dtype, data }: Tensor): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (dtype === 'float16') return new Float32Array(decodeHalves(data as Uint16Array));
  throw new TypeError(`no floats: ${dtype}`);
}
