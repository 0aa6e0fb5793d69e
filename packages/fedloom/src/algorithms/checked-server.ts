import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import { findMismatch, sortedTensors } from '../core/params.js';
import { largestMagnitude } from '../update/magnitude.js';
import type { ServerUpdate, ServerUpdateResult } from './algorithm.js';

/**
 * `server` with its results checked and put in ascending order of names: names, shapes and dtypes stay as they were,
 * every element is finite.
 * @throws FedloomError `algorithm.result`, naming algorithm, round and tensor.
 */
export function checkedServer(algorithm: string, server: ServerUpdate, broadcast: readonly string[]): ServerUpdate {
  return {
    initialize(model, trained) {
      const state = server.initialize(model, trained);
      const where = () => `Algorithm ${algorithm}: its initial state`;
      const travelling = broadcast.flatMap((slot) =>
        [...trained].map((name): [string, Tensor] => [`${slot}/${name}`, model.get(name)!]),
      );
      const found = new Map([...state].filter(([name]) => broadcast.includes(name.slice(0, name.indexOf('/')))));
      expectLike(found, new Map(travelling), where);
      for (const [name, tensor] of state) expectFinite(tensor, where, name);
      return sortedTensors(state);
    },
    update(input) {
      const result = server.update(input);
      const where = () => `Algorithm ${algorithm}, server update of round ${input.round + 1}`;
      expectMaps(result, where);
      expectLike(result.model, input.model, () => `${where()}: its model`);
      expectLike(result.state, input.state, () => `${where()}: its state`);
      for (const tensors of [result.model, result.state])
        for (const [name, tensor] of tensors) expectFinite(tensor, () => `${where()}: the result`, name);
      return { model: sortedTensors(result.model), state: sortedTensors(result.state) };
    },
  };
}

/** What somebody's own algorithm returned. @param where made where something is wrong: this is looked at in each round */
export function expectMaps(result: Partial<ServerUpdateResult> | undefined, where: () => string): void {
  for (const part of ['model', 'state'] as const) {
    if (result?.[part] instanceof Map) continue;
    const given = result === undefined ? 'undefined' : `something whose ${part} is no Map`;
    throw new FedloomError(
      'algorithm.result',
      `${where()} returned ${given}: it must return { model, state }, both Maps.`,
      {},
    );
  }
}

function expectLike(actual: NamedTensors, expected: NamedTensors, where: () => string): void {
  if (actual.size === 0 && expected.size === 0) return;
  const specs = Array.from(expected, ([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const mismatch = findMismatch(actual, specs);
  if (mismatch === undefined) return;
  throw new FedloomError('algorithm.result', `${where()} ${mismatch.text}.`, { tensor: mismatch.tensor });
}

function expectFinite(tensor: Tensor, where: () => string, name: string): void {
  if (!tensor.dtype.startsWith('float')) return;
  const largest = largestMagnitude(tensor);
  if (Number.isFinite(largest)) return;
  throw new FedloomError(
    'algorithm.not-finite',
    `${where()} holds ${largest} in tensor "${name}": training diverged; lower the learning rates.`,
    { tensor: name },
  );
}
