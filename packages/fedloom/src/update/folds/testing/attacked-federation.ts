import { foldOnce } from '../../../conformance/fold-inputs.js';
import { valuesOf } from '../../../conformance/tensor-values.js';
import { RandomStream } from '../../../core/random.js';
import type { Fold } from '../../fold-contract.js';
import { contributionOf, specOf } from '../../testing/fold-inputs.js';

const CLASSES = 3;
const FEATURES = 4;
/** Weights `[classes, features]` row by row, then biases. */
const LENGTH = CLASSES * FEATURES + CLASSES;
const CLIENTS = 11;
const ROUNDS = 12;
const SAMPLES = 40;
const LEARNING_RATE = 0.5;
const LOCAL_STEPS = 3;

interface Samples {
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[];
}

/** How an attacker trains, and what it sends in place of the delta that came of it. */
export interface Attack {
  readonly name: string;
  label(y: number): number;
  delta(delta: readonly number[]): readonly number[];
}

const honesty: Attack = { name: 'honest', label: (y) => y, delta: (delta) => delta };

export const attacks: readonly Attack[] = [
  { ...honesty, name: 'signs flipped, ten times as far', delta: (delta) => delta.map((value) => -10 * value) },
  {
    name: 'wrong labels, scaled by 100',
    label: (y) => (y + 1) % CLASSES,
    delta: (delta) => delta.map((value) => 100 * value),
  },
];

export interface Outcome {
  /** Share of the test samples that the last model tells. */
  readonly accuracy: number;
  /** The Euclidean length of the last model. */
  readonly length: number;
}

/**
 * Softmax regression on three clouds of points, trained by plain gradient descent: eleven clients a round, of which the
 * first `attackers` attack. Everything but the fold is written out here.
 */
export function attackedFederation(
  fold: Fold,
  { attackers = 0, attack = honesty }: { readonly attackers?: number; readonly attack?: Attack } = {},
): Outcome {
  const specs = [specOf('w', [LENGTH], { dtype: 'float64' })];
  const data = Array.from({ length: CLIENTS }, (_, client) => drawn(client, SAMPLES));
  let model: readonly number[] = new Array(LENGTH).fill(0);
  for (let round = 0; round < ROUNDS; round++) {
    const contributions = data.map(({ x, y }, client) => {
      const { label, delta } = client < attackers ? attack : honesty;
      const local = trained(model, { x, y: y.map(label) });
      return contributionOf(client, specs, [delta(minus(local, model))]);
    });
    const aggregate = foldOnce(fold, contributions, specs).get('w');
    if (aggregate === undefined) throw new Error('the aggregate lacks w');
    const delta = valuesOf(aggregate);
    model = model.map((value, i) => value + at(delta, i));
  }
  return { accuracy: accuracyOf(model, drawn(1000, 500)), length: Math.hypot(...model) };
}

/** Points around one of three corners, which classes share alike. */
function drawn(client: number, count: number): Samples {
  const random = RandomStream.of(5, 'attacked-federation', client);
  const y = Array.from({ length: count }, () => random.integer(CLASSES));
  const x = y.map((label) => Array.from({ length: FEATURES }, (_, j) => (j === label ? 2 : 0) + 0.6 * random.normal()));
  return { x, y };
}

function trained(start: readonly number[], samples: Samples): readonly number[] {
  let w = start;
  for (let step = 0; step < LOCAL_STEPS; step++) {
    const slope = gradient(w, samples);
    w = w.map((value, i) => value - LEARNING_RATE * at(slope, i));
  }
  return w;
}

/** Of the mean cross-entropy. */
function gradient(w: readonly number[], { x, y }: Samples): number[] {
  const slope: number[] = new Array(LENGTH).fill(0);
  for (const [row, point] of x.entries()) {
    for (const [k, probability] of probabilities(w, point).entries()) {
      const error = (probability - (k === y[row] ? 1 : 0)) / x.length;
      for (const [j, value] of point.entries()) slope[k * FEATURES + j] = at(slope, k * FEATURES + j) + error * value;
      slope[CLASSES * FEATURES + k] = at(slope, CLASSES * FEATURES + k) + error;
    }
  }
  return slope;
}

function logitsOf(w: readonly number[], point: readonly number[]): number[] {
  return Array.from({ length: CLASSES }, (_, k) =>
    point.reduce((sum, value, j) => sum + at(w, k * FEATURES + j) * value, at(w, CLASSES * FEATURES + k)),
  );
}

function probabilities(w: readonly number[], point: readonly number[]): number[] {
  const logits = logitsOf(w, point);
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function accuracyOf(w: readonly number[], { x, y }: Samples): number {
  const right = x.filter((point, row) => {
    const logits = logitsOf(w, point);
    return logits.indexOf(Math.max(...logits)) === y[row];
  });
  return right.length / x.length;
}

function minus(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value - at(b, i));
}

function at(vector: readonly number[], i: number): number {
  const value = vector[i];
  if (value === undefined) throw new RangeError(`a vector of ${vector.length} has no element ${i}`);
  return value;
}
