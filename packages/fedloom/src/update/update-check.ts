import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import { findMismatch } from '../core/params.js';
import { largestMagnitude } from './magnitude.js';
import { measure } from './measure.js';
import { TERM_MAX } from './quanta.js';
import type { Facts, Update, UpdateSpec } from './update.js';

export interface UpdateLimits {
  readonly sampleCountMax: number;
}

export const defaultUpdateLimits: UpdateLimits = { sampleCountMax: 1e9 };

/** An update has no more facts than this, and their names no more characters. */
export const FACTS_MAX = 64;
export const FACT_NAME_CHARS_MAX = 256;
/** No fact is larger than this in magnitude, so that sums of facts times sample counts, and products of two facts, stay finite. */
export const FACT_MAX = 1e100;

/** What the checks find of an update's tensors, in the order of the specs. */
export interface TensorMeasures {
  /** The largest magnitude of each, as `Contribution.magnitudes`. */
  readonly magnitudes: Float64Array;
  /** The l2 norm of each, in float64; 0 of integers. */
  readonly norms: Float64Array;
}

/**
 * Checks a whole client update before any of it touches the aggregate.
 * @throws FedloomError `update.sample-count` unless `facts.sampleCount` is a whole number from 1 to the limit;
 *   `update.fact` for a fact that is not finite or beyond `FACT_MAX`, too many facts, or a name that is empty or too long;
 *   `update.names`, `update.shape` or `update.dtype` unless the tensors are exactly those of the specs;
 *   `update.not-finite` for NaN or infinity in one
 */
export function checkUpdate(
  update: Update,
  specs: readonly UpdateSpec[],
  limits: UpdateLimits = defaultUpdateLimits,
): TensorMeasures {
  const who = `client ${update.client}`;
  checkFactsOf(update.facts, who, limits);
  return measureTensors(update.tensors, specs, who);
}

/**
 * As `checkUpdate`, of the facts alone.
 * @throws FedloomError `update.sample-count`, `update.fact`
 */
export function checkFactsOf(facts: Facts, who: string, limits: UpdateLimits = defaultUpdateLimits): void {
  checkSampleCount(facts.sampleCount, limits, who);
  checkFacts(facts, who);
}

/**
 * As `checkUpdate`, of the tensors alone.
 * @throws FedloomError `update.names`, `update.shape`, `update.dtype`, `update.not-finite`
 */
export function measureTensors(tensors: NamedTensors, specs: readonly UpdateSpec[], who: string): TensorMeasures {
  const norms = new Float64Array(specs.length);
  const magnitudes = soundTensors(tensors, specs, who, (tensor, index) => {
    const { largest, norm } = measure(tensor);
    norms[index] = norm;
    return largest;
  });
  return { magnitudes, norms };
}

/**
 * As `measureTensors`, without the norms.
 * @returns the largest magnitude of each, in the order of the specs
 */
export function checkTensors(tensors: NamedTensors, specs: readonly UpdateSpec[], who: string): Float64Array {
  return soundTensors(tensors, specs, who, largestMagnitude);
}

/** @param largestOf finds the largest magnitude of a tensor, the index-th of the specs */
function soundTensors(
  tensors: NamedTensors,
  specs: readonly UpdateSpec[],
  who: string,
  largestOf: (tensor: Tensor, index: number) => number,
): Float64Array {
  const mismatch = findMismatch(tensors, specs);
  if (mismatch !== undefined) {
    const { kind, tensor, text } = mismatch;
    throw new FedloomError(
      `update.${kind}`,
      `The update of ${who} ${text}; it must be trained from this run's model.`,
      { who, tensor },
    );
  }
  const magnitudes = new Float64Array(specs.length);
  for (const [index, { name }] of specs.entries()) {
    // It is there: nothing is missing.
    const tensor = tensors.get(name) as Tensor;
    const largest = largestOf(tensor, index);
    if (!Number.isFinite(largest)) throw notFinite(who, name, tensor);
    magnitudes[index] = largest;
  }
  return magnitudes;
}

function notFinite(who: string, name: string, { data }: Tensor): FedloomError {
  return new FedloomError(
    'update.not-finite',
    `The update of ${who} holds NaN or infinity in tensor "${name}" (${data.length} elements): its training ` +
      'diverged or its data are damaged. A lower learning rate often helps.',
    { who, tensor: name },
  );
}

/**
 * Checks what no fold could add up: values, and values times their weights, beyond 2^900. To be called with what
 * `checkUpdate` has returned, as soon as the weight is known: the exact mean then takes the update whatever it holds.
 * @param weight of trained tensors and uploads; buffers count by `update.facts.sampleCount`
 * @throws FedloomError `update.too-large`
 */
export function checkTerms(
  update: Update,
  weight: number,
  magnitudes: Float64Array,
  specs: readonly UpdateSpec[],
): void {
  for (const [index, { name, fold, kind }] of specs.entries()) {
    if (fold !== 'mean') continue;
    const magnitude = magnitudes[index] ?? Number.NaN;
    const times = kind === 'buffer' ? (update.facts.sampleCount ?? Number.NaN) : weight;
    if (magnitude <= TERM_MAX && magnitude * times <= TERM_MAX) continue;
    const who = `client ${update.client}`;
    throw new FedloomError(
      'update.too-large',
      `The update of ${who} holds a value of magnitude ${magnitude} in tensor "${name}", with a weight of ${times}: values, ` +
        'and values times weights, are added up to 2^900. Its training diverged, or its weight is wrong.',
      { who, tensor: name, magnitude, weight: times },
    );
  }
}

function checkSampleCount(sampleCount: number | undefined, { sampleCountMax }: UpdateLimits, who: string): void {
  if (Number.isSafeInteger(sampleCount) && Number(sampleCount) >= 1 && Number(sampleCount) <= sampleCountMax) return;
  const found = sampleCount === undefined ? 'no sample count' : `a sample count of ${sampleCount}`;
  throw new FedloomError(
    'update.sample-count',
    `The update of ${who} reports ${found}; it must be a whole number from 1 to ${sampleCountMax}.`,
    { who, sampleCount, sampleCountMax },
  );
}

function checkFacts(facts: Facts, who: string): void {
  const names = Object.keys(facts);
  const count = names.length;
  if (count > FACTS_MAX) {
    const text = `The update of ${who} has ${count} facts; ${FACTS_MAX} are allowed.`;
    throw new FedloomError('update.fact', text, { who, count });
  }
  for (const name of names) {
    const value = facts[name];
    if (name.length < 1 || name.length > FACT_NAME_CHARS_MAX) {
      throw new FedloomError(
        'update.fact',
        `The update of ${who} names a fact with ${name.length} characters; names have 1 to ${FACT_NAME_CHARS_MAX}.`,
        { who, length: name.length },
      );
    }
    // Not every number from outside is one: a codec may let others through.
    if (typeof value === 'number' && Math.abs(value) <= FACT_MAX) continue;
    throw new FedloomError(
      'update.fact',
      `The update of ${who} reports ${JSON.stringify(name)} as ${value}; a fact is a number of magnitude ${FACT_MAX} at most. ` +
        'Its training diverged, or its client is damaged.',
      { who, fact: name, value },
    );
  }
}
