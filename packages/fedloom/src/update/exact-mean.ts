import {
  type DType,
  elementCount,
  FedloomError,
  type NamedTensors,
  type Tensor,
  type TensorData,
} from '@fedloom/engine';
import { decodeHalves, encodeHalves } from '../core/float16.js';
import { compareNames, sortedTensors } from '../core/params.js';
import { checkTerms, type FoldSpec, type LargestTerms } from './check-update.js';
import { CARRY_EVERY, carry, divide, type ExactSums, plainSums, SUM_MAX } from './exact-sum.js';
import { addIntegers, INTEGER_SUM_MAX, integerQuotients } from './integer-mean.js';
import { largestMagnitude } from './magnitude.js';
import { elementwiseMaximum } from './maximum.js';
import { wasmSums } from './wasm-sums.js';

export interface ExactMeanOptions {
  /** The server's values of the tensors whose fold is `keep`: what clients send for them is ignored. */
  readonly kept?: NamedTensors;
  /** `plain`: the reference in TypeScript. Default `auto`: WebAssembly where there is one; equal to the bit. */
  readonly kernel?: 'auto' | 'plain';
  readonly float64?: boolean;
}

/**
 * The weighted mean of client updates, folded in O(model) memory (20 bytes for each float that is averaged):
 * sum_i n_i v_i / sum_i n_i. The result is equal to the bit whatever the order in which the updates are added.
 *
 * Weights are whole numbers. For floats, each term n*v is computed in float64 (exact when v is float32 or float16 and
 * n <= 2^29, else within 2^-53 of itself) and rounded to a multiple of 2^-52; these are summed exactly. So the mean of
 * m updates differs from the rational one by at most m 2^-53 / sum_i n_i <= 2^-53, plus 2^-52 of itself, before it is
 * rounded to the tensor's dtype. Values far below 2^-53 times the rest of this sum vanish. For integers the sum is exact
 * and its quotient rounds half to even.
 *
 * What the sums cannot hold is refused before it touches them: a term beyond 2^36 (integers: 2^43), or magnitudes that
 * add up to more than 2^46 (integers: 2^53) over the updates.
 */
export class ExactMean {
  readonly #specs: readonly FoldSpec[];
  readonly #kept: NamedTensors;
  readonly #sums: ExactSums;
  /** Where the tensors that `sums` holds begin. */
  readonly #floatAt = new Map<string, number>();
  readonly #integers = new Map<string, Float64Array>();
  readonly #maxima = new Map<string, TensorData>();
  readonly #float64: boolean;
  #count = 0;
  #totalWeight = 0;
  #magnitudes = { floats: 0, integers: 0 };

  /** @throws FedloomError `aggregate.kept` when a tensor is to be kept and `kept` has it not. */
  constructor(
    specs: readonly FoldSpec[],
    { kept = new Map(), kernel = 'auto', float64 = false }: ExactMeanOptions = {},
  ) {
    this.#float64 = float64;
    this.#specs = [...specs].sort((a, b) => compareNames(a.name, b.name));
    this.#kept = kept;
    let length = 0;
    for (const { name, shape, dtype, fold } of this.#specs) {
      if (fold === 'keep' && !kept.has(name)) {
        throw new FedloomError(
          'aggregate.kept',
          `Tensor "${name}" keeps the server's value, but the server gave none.`,
          { name },
        );
      }
      if (fold !== 'mean') continue;
      if (!isFloat(dtype)) this.#integers.set(name, new Float64Array(elementCount(shape)));
      else {
        this.#floatAt.set(name, length);
        length += Math.ceil(elementCount(shape) / 4) * 4;
      }
    }
    this.#sums = (kernel === 'auto' ? wasmSums(length) : undefined) ?? plainSums(length);
  }

  /** Updates added since the last reset. */
  get count(): number {
    return this.#count;
  }

  /** The sum of their weights. */
  get totalWeight(): number {
    return this.#totalWeight;
  }

  /**
   * Adds an update. It is checked whole first: after an error the mean is as it was.
   * @param weight a whole number of at least 1
   * @param who whose it is, for messages
   * @param checked its largest terms, if these very tensors passed `checkUpdate` with a sample count of at least `weight`
   * @throws FedloomError `update.*`, as `checkUpdate`
   */
  add(tensors: NamedTensors, weight: number, who = 'a client', checked?: LargestTerms): void {
    if (!Number.isSafeInteger(weight) || weight < 1 || !Number.isSafeInteger(this.#totalWeight + weight)) {
      throw new FedloomError(
        'update.weight',
        `The update of ${who} has weight ${weight}; weights are whole numbers of at least 1 and add up to less than 2^53.`,
        { who, weight },
      );
    }
    const terms = checked ?? checkTerms(tensors, weight, this.#specs, who);
    const floats = this.#magnitudes.floats + terms.floats;
    const integers = this.#magnitudes.integers + terms.integers;
    if (floats > SUM_MAX || integers > INTEGER_SUM_MAX) {
      throw new FedloomError(
        'update.too-large',
        `With the update of ${who}, the values of ${this.#count + 1} updates times their weights add up to ` +
          `${floats > SUM_MAX ? floats : integers}, beyond what the exact aggregate holds. The model diverged.`,
        { who, count: this.#count + 1 },
      );
    }
    this.#magnitudes = { floats, integers };
    this.#fold(tensors, weight);
    this.#count += 1;
    this.#totalWeight += weight;
    if (this.#count % CARRY_EVERY === 0) carry(this.#sums);
  }

  /**
   * The aggregate so far, ascending by name, in memory of its own: means rounded to each tensor's dtype, maxima, and kept
   * tensors as the server gave them. Updates may be added afterwards.
   * @param denominator in place of the total weight, for rules that fix it; then means may leave the dtype's range
   * @throws FedloomError `aggregate.empty` without updates, `aggregate.overflow` when a mean does not fit its dtype
   */
  finish(denominator = this.#totalWeight): Map<string, Tensor> {
    if (this.#count === 0) throw new FedloomError('aggregate.empty', 'There is no mean of no updates.');
    if (!(denominator > 0 && Number.isFinite(denominator))) {
      throw new RangeError(`the denominator of a mean must be positive, not ${denominator}`);
    }
    return sortedTensors(
      this.#specs.map(({ name, shape, dtype, fold }) => {
        if (fold === 'keep') return [name, this.#kept.get(name)!];
        const data = fold === 'max' ? this.#maxima.get(name)!.slice() : this.#meanOf(name, shape, dtype, denominator);
        const wide = this.#float64 && fold === 'mean' && isFloat(dtype);
        const tensor = { dtype: wide ? ('float64' as const) : dtype, shape, data };
        if (Number.isFinite(largestMagnitude(tensor))) return [name, tensor];
        throw new FedloomError(
          'aggregate.overflow',
          `The aggregate of tensor "${name}" is beyond the range of ${dtype}.`,
          { name },
        );
      }),
    );
  }

  /** Forgets all updates; memory is kept for the next. */
  reset(): void {
    this.#sums.high.fill(0);
    this.#sums.low.fill(0);
    for (const sums of this.#integers.values()) sums.fill(0);
    this.#maxima.clear();
    this.#count = 0;
    this.#totalWeight = 0;
    this.#magnitudes = { floats: 0, integers: 0 };
  }

  #fold(tensors: NamedTensors, weight: number): void {
    for (const { name, fold } of this.#specs) {
      if (fold === 'keep') continue;
      const tensor = tensors.get(name)!;
      const floatAt = this.#floatAt.get(name);
      if (fold === 'max') this.#maxima.set(name, elementwiseMaximum(this.#maxima.get(name), tensor));
      else if (floatAt !== undefined) this.#sums.add(floatsOf(tensor), floatAt, weight);
      else addIntegers(this.#integers.get(name)!, tensor.data, weight);
    }
  }

  #meanOf(name: string, shape: readonly number[], dtype: DType, denominator: number): TensorData {
    const integers = this.#integers.get(name);
    if (integers !== undefined) return integerQuotients(integers, denominator, dtype);
    const length = elementCount(shape);
    const means = dtype === 'float32' && !this.#float64 ? new Float32Array(length) : new Float64Array(length);
    divide(this.#sums, this.#floatAt.get(name)!, denominator, means);
    return dtype === 'float16' && !this.#float64 ? encodeHalves(means as Float64Array) : means;
  }
}

function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16';
}

function floatsOf({ dtype, data }: Tensor): Float32Array | Float64Array {
  return dtype === 'float16' ? decodeHalves(data as Uint16Array) : (data as Float32Array | Float64Array);
}
