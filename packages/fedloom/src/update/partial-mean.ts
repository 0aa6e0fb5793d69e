import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import { findMismatch, sortedTensors, type TensorSpec } from '../core/params.js';
import type { PartialSum } from './fold-contract.js';
import { LOAD_MAX, partMax, type SumPart, type SumsImage } from './indexed-sums.js';
import { fromLimbs, LIMBS_MAX, limbsOf } from './integer-limbs.js';
import type { IntegersImage } from './integer-sums.js';
import { largestMagnitude } from './magnitude.js';
import { LEVEL_MAX, LEVEL_MIN } from './quanta.js';

/*
 * A partial mean as tensors. A sum's key is `mean/` and the tensor's name, `weights/trained` or `weights/buffer`.
 * - Of floats: `levels` (int32) has the level of each sum, ascending by key, `load` (int32, [1]) how full the parts are. Each
 *   sum has the parts `high/<key>`, `low/<key>` and, with three, `third/<key>` (float64, one axis) and, once something was
 *   carried, `high-carries/<key>` and so on (int32).
 * - Of integers, the weights among them: `units` (int32) has the power of two that each counts in, ascending by key, and
 *   `integers/<key>` (int64) the whole numbers, as `limbsOf` writes them.
 * - Maxima stand under `max/<name>` if there are updates.
 */
const PART_NAMES = ['high', 'low', 'third'] as const;

/** Weights of 24 bits from 2^-300 to 2^300 are multiples of 2^-323 at least. */
const UNIT_EXPONENT_MAX = 330;

/** What a running mean sums, in the order of its slots. */
export interface SumKeys {
  readonly sums: readonly { readonly key: string; readonly length: number; readonly parts: 2 | 3 }[];
  readonly integers: readonly { readonly key: string; readonly length: number }[];
  readonly maxima: readonly TensorSpec[];
}

/** What a running mean holds. */
export interface MeanImage {
  readonly sums: SumsImage;
  readonly integers: readonly IntegersImage[];
  readonly maxima: ReadonlyMap<string, Tensor>;
}

/** A partial sum's tensors, ascending by name. They share the image's memory. */
export function writePartial(keys: SumKeys, { sums, integers, maxima }: MeanImage): NamedTensors {
  const tensors: [string, Tensor][] = [
    ['levels', int32(byKey(keys.sums).map(({ place }) => sums.slots[place]?.level ?? 0))],
    ['load', int32([sums.load])],
    // The logarithm of a power of two, of which no rounding may remain.
    ['units', int32(byKey(keys.integers).map(({ place }) => Math.round(Math.log2(integers[place]?.unit ?? 1))))],
  ];
  for (const [slot, { key, length }] of keys.sums.entries()) {
    for (const [part, { sums: data, carries }] of (sums.slots[slot]?.parts ?? []).entries()) {
      tensors.push([`${PART_NAMES[part]}/${key}`, { dtype: 'float64', shape: [length], data }]);
      if (carries === undefined) continue;
      tensors.push([`${PART_NAMES[part]}-carries/${key}`, { dtype: 'int32', shape: [length], data: carries }]);
    }
  }
  for (const [place, { key }] of keys.integers.entries()) {
    tensors.push([`integers/${key}`, limbsOf(integers[place]?.sums ?? [])]);
  }
  for (const [name, tensor] of maxima) tensors.push([`max/${name}`, tensor]);
  return sortedTensors(tensors);
}

/**
 * What a partial sum's tensors hold, checked: names, shapes and dtypes, and that the sums are within what they may be, so
 * that adding them stays exact. The image shares their memory.
 * @throws FedloomError `aggregate.partial`
 */
export function readPartial(keys: SumKeys, { count, tensors }: PartialSum): MeanImage {
  if (!Number.isSafeInteger(count) || count < 0) throw partialError(`has a count of ${count} updates`);
  const plain = [
    ...plainSpecs(keys),
    ...integerSpecs(keys, tensors),
    ...(count === 0 ? [] : keys.maxima.map(maximumSpec)),
  ];
  const isCarried = tensors.size > plain.length;
  const mismatch = findMismatch(tensors, isCarried ? [...plain, ...carrySpecs(keys)] : plain);
  if (mismatch !== undefined) throw partialError(mismatch.text);
  const tensorOf = (name: string) => tensors.get(name) as Tensor;
  const numbers = (name: string) => tensorOf(name).data as Float64Array;
  const counters = (name: string) => tensorOf(name).data as Int32Array;

  const load = counters('load')[0] ?? -1;
  if (load < 0 || load > LOAD_MAX) throw partialError(`has a load of ${load}, which is from 0 to ${LOAD_MAX}`);
  const slots: SumsImage['slots'][number][] = [];
  for (const [at, { place, key, parts }] of byKey(keys.sums).entries()) {
    const level = counters('levels')[at] ?? -1;
    if (level < LEVEL_MIN || level > LEVEL_MAX) throw partialError(`has "${key}" at level ${level}`);
    slots[place] = {
      level,
      parts: PART_NAMES.slice(0, parts).map((part, index): SumPart => {
        const name = `${part}/${key}`;
        checkBound(tensorOf(name), name, partMax(load, level - index));
        if (!isCarried) return { sums: numbers(name), carries: undefined };
        const carriesName = `${part}-carries/${key}`;
        checkBound(tensorOf(carriesName), carriesName, count);
        return { sums: numbers(name), carries: counters(carriesName) };
      }),
    };
  }
  const integers: IntegersImage[] = [];
  for (const [at, { place, key }] of byKey(keys.integers).entries()) {
    const exponent = counters('units')[at] ?? Number.NaN;
    if (!(Math.abs(exponent) <= UNIT_EXPONENT_MAX)) throw partialError(`has "${key}" in units of 2^${exponent}`);
    integers[place] = { unit: 2 ** exponent, sums: fromLimbs(tensorOf(`integers/${key}`)) };
  }
  const maxima = new Map<string, Tensor>();
  if (count > 0) {
    for (const { name } of keys.maxima) {
      checkBound(tensorOf(`max/${name}`), `max/${name}`, Number.MAX_VALUE);
      maxima.set(name, tensorOf(`max/${name}`));
    }
  }
  return { sums: { load, isCarried, slots }, integers, maxima };
}

/** The keys ascending, each with its place in their list. */
function byKey<T extends { readonly key: string }>(keys: readonly T[]): (T & { readonly place: number })[] {
  return keys.map((key, place) => ({ ...key, place })).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function plainSpecs({ sums, integers }: SumKeys): TensorSpec[] {
  return [
    { name: 'levels', shape: [sums.length], dtype: 'int32' },
    { name: 'load', shape: [1], dtype: 'int32' },
    { name: 'units', shape: [integers.length], dtype: 'int32' },
    ...partSpecs(sums, '', 'float64'),
  ];
}

/** With as many limbs as there are, if that can be. */
function integerSpecs({ integers }: SumKeys, tensors: NamedTensors): TensorSpec[] {
  return integers.map(({ key, length }) => {
    const name = `integers/${key}`;
    const limbs = Math.min(Math.max(tensors.get(name)?.shape[0] ?? 1, 1), LIMBS_MAX);
    return { name, shape: [limbs, length], dtype: 'int64' };
  });
}

function carrySpecs({ sums }: SumKeys): TensorSpec[] {
  return partSpecs(sums, '-carries', 'int32');
}

function partSpecs(sums: SumKeys['sums'], suffix: string, dtype: 'float64' | 'int32'): TensorSpec[] {
  return sums.flatMap(({ key, length, parts }) =>
    PART_NAMES.slice(0, parts).map((part) => ({ name: `${part}${suffix}/${key}`, shape: [length], dtype })),
  );
}

function maximumSpec({ name, shape, dtype }: TensorSpec): TensorSpec {
  return { name: `max/${name}`, shape, dtype };
}

function checkBound(tensor: Tensor, name: string, bound: number): void {
  const magnitude = largestMagnitude(tensor);
  if (magnitude <= bound) return;
  throw partialError(`holds ${magnitude} in tensor "${name}", where at most ${bound} can be`);
}

function int32(values: readonly number[]): Tensor {
  return { dtype: 'int32', shape: [values.length], data: Int32Array.from(values) };
}

function partialError(text: string): FedloomError {
  return new FedloomError(
    'aggregate.partial',
    `A partial sum ${text}. It must come from a fold of the same tensors, of the same version of fedloom.`,
    {},
  );
}
