import type { NamedTensors, Tensor } from '@fedloom/engine';

/** A model small enough that thousands of federations train it. */
export interface ModelSize {
  readonly weights: number;
  readonly biases: number;
}

/** What clients keep between their trainings. */
export type Keeping = 'nothing' | 'memory' | 'control';

export interface Trained {
  readonly params: NamedTensors;
  readonly uploads: NamedTensors;
  readonly state: NamedTensors;
}

export const TRAINED = ['b', 'w'];
/** Takes no gradient, and is averaged by samples. */
export const BUFFER = 'seen';
const RATE = 0.25;
const STEPS = 2;

export function startModel({ weights, biases }: ModelSize): NamedTensors {
  return new Map([
    ['b', floats(Float32Array.from({ length: biases }, (_, i) => (i % 5) / 8))],
    [BUFFER, floats(new Float32Array(2))],
    ['w', floats(Float32Array.from({ length: weights }, (_, i) => ((i * 7) % 16) / 16 - 0.5))],
  ]);
}

export const samplesOf = (client: number): number => 1 + ((client * 3) % 7);

/** Where a client would like a parameter to be. */
const targetOf = (client: number, task: number, at: number): number =>
  (((client * 7 + at * 13) % 64) - 32) / 16 + ((task * 5 + client + at) % 8) / 64;

/**
 * A client's local training as a pure function: a few steps towards its own targets. Every part of the result depends on all
 * that it starts from, so that a state that was lost, or taken twice, shows in the model.
 */
export function train(
  client: number,
  task: number,
  from: { readonly model: NamedTensors; readonly broadcast: NamedTensors; readonly state: NamedTensors },
  keeping: Keeping,
): Trained {
  const params = new Map<string, Tensor>();
  const uploads = new Map<string, Tensor>();
  const state = new Map<string, Tensor>();
  for (const [name, tensor] of from.model) {
    const before = valuesOf(tensor);
    if (name === BUFFER) {
      params.set(name, floats(before.map((value, i) => value / 2 + client + i / 4)));
      continue;
    }
    const server = valuesOf(from.broadcast.get(`control/${name}`), before.length);
    const own = valuesOf(from.state.get(`${keeping}/${name}`), before.length);
    const after = before.slice();
    for (let step = 0; step < STEPS; step += 1) {
      for (let i = 0; i < after.length; i += 1) {
        const gradient = at(after, i) - targetOf(client, task, i);
        after[i] = at(after, i) - RATE * (gradient + at(server, i) - (keeping === 'control' ? at(own, i) : 0));
        if (keeping === 'memory') after[i] = at(after, i) + at(own, i) / 8;
      }
    }
    params.set(name, floats(after));
    if (keeping === 'memory') state.set(`memory/${name}`, floats(own.map((value, i) => value / 2 + at(after, i))));
    if (keeping !== 'control') continue;
    // SCAFFOLD, option II.
    const change = before.map((value, i) => (value - at(after, i)) / (STEPS * RATE) - at(server, i));
    uploads.set(`controlDelta/${name}`, floats(change));
    state.set(`control/${name}`, floats(own.map((value, i) => value + at(change, i))));
  }
  return { params, uploads, state };
}

export function floats(data: Float32Array): Tensor {
  return { dtype: 'float32', shape: [data.length], data };
}

/** @param length of zeros, where there is no tensor */
export function valuesOf(tensor: Tensor | undefined, length = 0): Float32Array {
  return tensor === undefined ? new Float32Array(length) : (tensor.data as Float32Array);
}

export function at(values: ArrayLike<number>, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`there is no value ${index}`);
  return value;
}
