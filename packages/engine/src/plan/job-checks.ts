import { FedloomError } from '../errors.js';
import { elementCount, type NamedTensors, type Tensor } from '../tensor.js';
import type { DataSpec, GraphSpec, ParameterSpec, PlanManifest } from './manifest.js';

/** Checks samples against the plan's data, and returns how many there are. @throws FedloomError `plan.input`. */
export function checkSamples({ x: xSpec, y: ySpec }: DataSpec, x: Tensor, y: Tensor): number {
  const sampleCount = checkRows('x', xSpec, x);
  const labelCount = checkRows('y', ySpec, y);
  if (sampleCount !== labelCount) {
    throw inputError(`x has ${sampleCount} samples but y has ${labelCount}: give one target for each sample`);
  }
  if (sampleCount === 0) throw inputError('there are no samples: leave this client out, or give it data');
  if (ySpec.classes !== undefined) checkLabels(y, ySpec.classes);
  return sampleCount;
}

function checkRows(
  name: string,
  spec: { readonly dtype: string; readonly shape: readonly number[] },
  tensor: Tensor,
): number {
  const [rows, ...sample] = tensor.shape;
  if (rows === undefined || tensor.dtype !== spec.dtype || sample.join() !== spec.shape.join()) {
    throw inputError(
      `${name} is ${tensor.dtype} [${tensor.shape.join(', ')}], but the plan's data is ${spec.dtype} ` +
        `[${['n', ...spec.shape].join(', ')}]: load the data in the form the plan declares`,
    );
  }
  checkLength(name, tensor);
  return rows;
}

function checkLabels(y: Tensor, classes: number): void {
  const perSample = y.data.length / y.shape[0]!;
  for (let place = 0; place < y.data.length; place++) {
    const label = y.data[place]!;
    if (label < 0 || label >= classes) {
      throw inputError(
        `sample ${Math.floor(place / perSample)} has the label ${label}, but the plan's labels are 0 to ${classes - 1}: mend the data`,
      );
    }
  }
}

/**
 * Checks that `order` is int64 `[steps, batch]` whose entries are rows of the samples, from 0, or for padding rows counted
 * from the end, from -1.
 */
export function checkOrder(order: Tensor, sampleCount: number): { readonly steps: number; readonly batch: number } {
  const [steps, batch] = order.shape;
  if (
    !(order.data instanceof BigInt64Array) ||
    steps === undefined ||
    batch === undefined ||
    order.shape.length !== 2
  ) {
    throw inputError(
      `order is ${order.dtype} [${order.shape.join(', ')}]; it must be int64 [steps, batch], see batchOrder()`,
    );
  }
  checkLength('order', order);
  if (steps === 0 || batch === 0) throw inputError('order is empty: there is nothing to train on');
  checkRowsNamed(order.data, sampleCount);
  return { steps, batch };
}

/** Reads the two words of each row, which costs a tenth of what BigInts do. */
function checkRowsNamed(rows: BigInt64Array, sampleCount: number): void {
  const words = new Int32Array(rows.buffer, rows.byteOffset, 2 * rows.length);
  for (let place = 0; place < rows.length; place++) {
    const low = words[2 * place]!;
    const high = words[2 * place + 1]!;
    if (high === 0 ? low >= 0 && low < sampleCount : high === -1 && low < 0 && low >= -sampleCount) continue;
    throw inputError(`order names row ${rows[place]}, but the samples are rows 0 to ${sampleCount - 1}`);
  }
}

/** Checks that clients whose samples lie one behind the other hold at least one each, and all of them together. */
export function checkParts(sampleCounts: readonly number[], sampleCount: number): void {
  const sum = sampleCounts.reduce((total, count) => total + count, 0);
  if (sum === sampleCount && sampleCounts.every((count) => Number.isSafeInteger(count) && count > 0)) return;
  throw inputError(
    `the clients' sample counts [${sampleCounts.join(', ')}] do not share out the ${sampleCount} samples: give each client ` +
      'its own, at least 1',
  );
}

/** The model's tensors from where they lie, each checked. */
export function collectParameters(
  { parameters }: PlanManifest,
  shared: NamedTensors,
  kept: NamedTensors | undefined,
): Map<string, Tensor> {
  return new Map(
    parameters.map((spec) => {
      const tensor = (spec.scope === 'private' ? kept : shared)?.get(spec.name);
      if (tensor === undefined) throw inputError(`the ${spec.scope} parameter ${spec.name} is missing`);
      return [spec.name, checkTensor(spec.name, spec, tensor)];
    }),
  );
}

export function checkTensor(name: string, spec: Pick<ParameterSpec, 'dtype' | 'shape'>, tensor: Tensor): Tensor {
  if (tensor.dtype !== spec.dtype || tensor.shape.join() !== spec.shape.join()) {
    throw inputError(
      `${name} is ${tensor.dtype} [${tensor.shape.join(', ')}], but the plan has ${spec.dtype} [${spec.shape.join(', ')}]: ` +
        'use parameters of this plan',
    );
  }
  checkLength(name, tensor);
  return tensor;
}

/**
 * Checks that a graph gave all its outputs, in the shapes its ports promise: a plan may come from anywhere.
 *
 * @throws FedloomError `plan.output`.
 */
export function checkResults(
  { outputs }: GraphSpec,
  results: NamedTensors,
  extents: Readonly<Record<string, number>>,
): NamedTensors {
  for (const { port, dtype, shape } of outputs) {
    const tensor = results.get(port);
    const expected = shape.map((extent) => (typeof extent === 'string' ? extents[extent] : extent));
    if (tensor === undefined || tensor.dtype !== dtype || tensor.shape.join() !== expected.join()) {
      const given = tensor === undefined ? 'nothing' : `${tensor.dtype} [${tensor.shape.join(', ')}]`;
      throw new FedloomError(
        'plan.output',
        `A graph of the plan gives ${given} for ${port}, but its manifest promises ${dtype} [${expected.join(', ')}]: ` +
          'the plan is damaged, fetch it again.',
        { port },
      );
    }
  }
  return results;
}

function checkLength(name: string, { data, shape }: Tensor): void {
  if (data.length !== elementCount(shape)) {
    throw inputError(
      `${name} has ${data.length} elements, but its shape [${shape.join(', ')}] holds ${elementCount(shape)}`,
    );
  }
}

export function inputError(problem: string): FedloomError {
  return new FedloomError('plan.input', `Cannot run the training plan: ${problem}.`, { problem });
}
