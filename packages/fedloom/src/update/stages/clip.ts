import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine/base';
import { decodeHalves, encodeHalves } from '../../core/float16.js';
import type { ClientStageContext, ClientStageResult, ServerStageContext, Stage } from '../stage-contract.js';
import { defineStage } from './define-stage.js';
import { floatsOf, notFinite, tensorOf } from './float-tensors.js';
import { l2Norm, scaleFloats } from './norm.js';
import { readStageOptions } from './stage-options.js';
import { vectorOf } from './trained-vector.js';

const NAME = 'clip';
/** Makes up for the roundings of a norm, of a quotient and of its products: 6 of 2^-53 together. */
const BELOW_ONE = 1 - 2 ** -50;
/** What a client's own way to sum and round may add to the norm: more than this, as a part of it, was not clipped. */
const TOLERANCE = 2 ** -20;

export interface ClipOptions {
  /** The greatest l2 norm that an update may have, above 0: of all trained float deltas as one vector. */
  readonly norm: number;
}

/**
 * Scales a client's update down to a norm of at most `norm`: of all trained float deltas as one vector, in float64 (McMahan et
 * al. 2018, arXiv 1710.06963, "flat clipping"). What is within the norm stays to the bit; what was scaled is rounded toward zero, so
 * that its exact norm is never above. Buffers, uploads and integers stay. The server measures again and refuses what is not
 * clipped. Behind `topK` it bounds what is sent; what it takes away there is not kept.
 * @throws FedloomError `stage.option`
 */
export function clip(options: ClipOptions): Stage {
  const rules = { norm: { above: 0, min: 1e-100, max: 1e100 } };
  const { norm } = readStageOptions(NAME, { ...options }, rules);
  return defineStage({
    name: NAME,
    options: { norm },
    bounds: true,
    client: (tensors, context) => clipped(tensors, context, norm),
    server: (payload, context) => checked(payload, context, norm),
  });
}

function clipped(tensors: NamedTensors, { input, client }: ClientStageContext, normMax: number): ClientStageResult {
  const names = vectorOf(input).map(({ name }) => name);
  const norm = normOf(tensors, names);
  if (!Number.isFinite(norm)) {
    const wrong = names.find((name) => !Number.isFinite(normOf(tensors, [name])));
    throw notFinite(NAME, client, wrong ?? names.join(', '));
  }
  if (norm <= normMax) return { tensors };
  const factor = (normMax / norm) * BELOW_ONE;
  const trained = new Set(names);
  const scaled = [...tensors].map(([name, tensor]): [string, Tensor] => [
    name,
    trained.has(name) ? scale(tensor, factor) : tensor,
  ]);
  return { tensors: new Map(scaled) };
}

function checked(payload: NamedTensors, { input, client }: ServerStageContext, normMax: number): NamedTensors {
  const norm = normOf(
    payload,
    vectorOf(input).map(({ name }) => name),
  );
  // Written so that NaN is refused.
  if (norm <= normMax * (1 + TOLERANCE)) return payload;
  throw new FedloomError(
    'stage.clip',
    `The update of client ${client} has a norm of ${norm}, above the ${normMax} that stage "${NAME}" allows: it did not clip. ` +
      'Its client half must scale all trained deltas as one vector, measured in float64.',
    { stage: NAME, client, norm, normMax },
  );
}

function normOf(tensors: NamedTensors, names: readonly string[]): number {
  return l2Norm(names.map((name) => floatsOf(tensorOf(tensors, name))));
}

/** In memory of its own, rounded toward zero to its dtype. */
function scale({ dtype, shape, data }: Tensor, factor: number): Tensor {
  if (data instanceof Float32Array) return { dtype, shape, data: scaleFloats(data, factor) };
  if (data instanceof Float64Array) return { dtype, shape, data: data.map((value) => value * factor) };
  return { dtype, shape, data: scaleHalves(data as Uint16Array, factor) };
}

function scaleHalves(halves: Uint16Array, factor: number): Uint16Array {
  const products = decodeHalves(halves).map((value) => value * factor);
  const scaled = encodeHalves(products);
  for (const [i, value] of decodeHalves(scaled).entries()) {
    if (Math.abs(value) > Math.abs(products[i] ?? value)) scaled[i]!--;
  }
  return scaled;
}
