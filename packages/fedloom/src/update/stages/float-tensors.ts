import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine/base';
import { decodeHalves } from '../../core/float16.js';
import { findMismatch } from '../../core/params.js';
import type { PayloadSpec } from '../stage-contract.js';

/** Floats as JavaScript's numbers: what float16's patterns stand for as well. */
export type Floats = Float32Array | Float64Array;

/** A float tensor's values: its own array for float32 and float64, a copy for float16. */
export function floatsOf({ dtype, data }: Tensor): Floats {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (dtype === 'float16' && data instanceof Uint16Array) return Float32Array.from(decodeHalves(data));
  throw new TypeError(`a stage took a tensor of ${dtype} for one of floats`);
}

/** Whether none is NaN or infinite. */
export function allFinite(values: Floats): boolean {
  let zero = 0;
  // Infinity less itself is NaN, and so is all that NaN is added to.
  for (let i = 0; i < values.length; i++) zero += values[i]! - values[i]!;
  return zero === 0;
}

/** A tensor that the checks of payloads have seen. */
export function tensorOf(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new TypeError(`a stage was given no tensor "${name}"`);
  return tensor;
}

/** @throws FedloomError `stage.state` unless a stage's private state is empty or exactly of these specs */
export function checkState(state: NamedTensors, specs: readonly PayloadSpec[], stage: string, client: number): void {
  const mismatch = state.size === 0 ? undefined : findMismatch(state, specs);
  if (mismatch === undefined) return;
  throw new FedloomError(
    'stage.state',
    `Client ${client}: the private state of stage "${stage}" ${mismatch.text}. It must be of the same model; without it the stage starts afresh.`,
    { stage, client, tensor: mismatch.tensor },
  );
}

/** An update with NaN or infinity: norms and magnitudes mean nothing then. */
export function notFinite(stage: string, client: number, tensor: string): FedloomError {
  return new FedloomError(
    'stage.not-finite',
    `Stage "${stage}": the update of client ${client} holds NaN, infinity or values whose squares are beyond float64 in ` +
      `tensor "${tensor}": its training diverged or its data are damaged. A lower learning rate often helps.`,
    { stage, client, tensor },
  );
}
