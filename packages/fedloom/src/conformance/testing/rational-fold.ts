import { type DType, elementCount, type NamedTensors, type Tensor, type TensorData } from '@fedloom/engine';
import type { Contribution, PartialSum, RunningSum, SumFold } from '../../update/fold-contract.js';
import { defineFold } from '../../update/folds/define-fold.js';
import { memoryOf } from '../../update/folds/fold-tensors.js';
import { elementwiseMaximum } from '../../update/maximum.js';
import { scaled } from '../../update/testing/rational.js';
import { isFloat, type UpdateSpec } from '../../update/update.js';
import { valuesOf } from '../tensor-values.js';

/** A sum fold as others may write it: a mean that travels as tensors of its own making. */
export function rationalFold(): SumFold {
  return defineFold<SumFold>({
    kind: 'sum',
    name: 'test/rational',
    options: {},
    memoryBytes: (specs) => memoryOf(specs, 0, 0) * DIGITS,
    start: (specs) => new RationalSum(specs),
  });
}

/** Whole multiples of 2^-400 in base 2^48, as float64: how an exact sum can travel as a tensor. */
const DIGITS = 14;
const BASE = 2n ** 48n;
const SHIFT = 2n ** 671n;

/** A mean in exact rational arithmetic, far too slow for use. */
class RationalSum implements RunningSum {
  #count = 0;
  readonly #sums = new Map<string, bigint[]>();
  readonly #maxima = new Map<string, TensorData>();

  constructor(private readonly specs: readonly UpdateSpec[]) {
    this.reset();
  }

  get count(): number {
    return this.#count;
  }

  add({ update, weight }: Contribution): void {
    for (const { name, kind, fold } of this.specs) {
      const tensor = tensorIn(update.tensors, name);
      if (fold === 'max') {
        this.#maxima.set(name, elementwiseMaximum(this.#maxima.get(name), tensor));
        continue;
      }
      const times = BigInt(kind === 'buffer' ? (update.facts.sampleCount ?? 0) : weight);
      this.#addAll(name, [...valuesOf(tensor).map((value) => scaled(value) * times), times]);
    }
    this.#count += 1;
  }

  partial(): PartialSum {
    const tensors = new Map<string, Tensor>();
    for (const { name, shape, dtype, fold } of this.specs) {
      const maximum = this.#maxima.get(name);
      if (maximum !== undefined) tensors.set(name, { dtype, shape, data: maximum.slice() });
      if (fold === 'max') continue;
      const digits = (this.#sums.get(name) ?? []).flatMap(digitsOf);
      tensors.set(name, { dtype: 'float64', shape: [digits.length], data: Float64Array.from(digits) });
    }
    return { count: this.#count, tensors };
  }

  merge({ count, tensors }: PartialSum): void {
    for (const { name, fold } of this.specs) {
      const tensor = tensors.get(name);
      if (tensor === undefined) continue;
      if (fold === 'max') this.#maxima.set(name, elementwiseMaximum(this.#maxima.get(name), tensor));
      else this.#addAll(name, numbersFrom(valuesOf(tensor)));
    }
    this.#count += count;
  }

  finish(): Map<string, Tensor> {
    const entries = this.specs.map(({ name, shape, dtype }): [string, Tensor] => {
      const maximum = this.#maxima.get(name);
      if (maximum !== undefined) return [name, { dtype, shape, data: maximum.slice() }];
      const sums = (this.#sums.get(name) ?? []).slice(0, -1);
      const total = this.#sums.get(name)?.at(-1) ?? 0n;
      return [name, { dtype: isFloat(dtype) ? 'float64' : dtype, shape, data: quotients(sums, total, dtype) }];
    });
    return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  reset(): void {
    this.#count = 0;
    this.#maxima.clear();
    for (const { name, shape } of this.specs) this.#sums.set(name, new Array(elementCount(shape) + 1).fill(0n));
  }

  #addAll(name: string, terms: readonly bigint[]): void {
    const sums = this.#sums.get(name);
    if (sums?.length !== terms.length) throw new RangeError(`sums of ${name} have another length`);
    for (const [i, term] of terms.entries()) sums[i] = (sums[i] ?? 0n) + term;
  }
}

function quotients(sums: readonly bigint[], total: bigint, dtype: DType): TensorData {
  // The suite's numbers are multiples of 2^-100, and as units of 2^-400 beyond what float64 holds.
  const values = sums.map((sum) => Number(sum / 2n ** 300n) / Number(total) / 2 ** 100);
  if (isFloat(dtype)) return Float64Array.from(values);
  const rounded = values.map((value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value)));
  if (dtype === 'int64') return BigInt64Array.from(rounded, BigInt);
  return dtype === 'int32' ? Int32Array.from(rounded) : Uint8Array.from(rounded);
}

function digitsOf(value: bigint): number[] {
  let rest = value + SHIFT;
  return Array.from({ length: DIGITS }, () => {
    const digit = Number(rest % BASE);
    rest /= BASE;
    return digit;
  });
}

function numbersFrom(digits: readonly number[]): bigint[] {
  return Array.from({ length: digits.length / DIGITS }, (_, i) =>
    digits.slice(i * DIGITS, (i + 1) * DIGITS).reduceRight((sum, digit) => sum * BASE + BigInt(digit), 0n),
  ).map((value) => value - SHIFT);
}

function tensorIn(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new RangeError(`there is no tensor ${name}`);
  return tensor;
}
