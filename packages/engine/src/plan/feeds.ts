import { type NamedTensors, type Tensor, zeros } from '../tensor.js';
import { checkTensor, inputError } from './job-checks.js';
import type { Job, TrainJob } from './jobs.js';
import type { GraphPort, GraphSpec, PlanManifest } from './manifest.js';

export type Resolver = (port: GraphPort) => Tensor;

/** Every input but `order`, which differs from call to call. */
export function resolveAll(spec: GraphSpec, resolve: Resolver): Map<string, Tensor> {
  return new Map(spec.inputs.filter(({ source }) => source !== 'order').map((port) => [port.port, resolve(port)]));
}

export function dataOrParameter(port: GraphPort, job: Job, model: NamedTensors): Tensor {
  if (port.source === 'x' || port.source === 'y') return job[port.source];
  if (port.source === 'parameter' || port.source === 'global') return model.get(port.name)!;
  throw inputError(`a graph has the input ${port.port}, which this runner does not know`);
}

/** The tensors behind a train or finish graph's inputs as they are before the first step. */
export function trainResolver(manifest: PlanManifest, job: TrainJob, model: NamedTensors): Resolver {
  const scalars = { ...manifest.scalars, ...job.scalars };
  return (port) => {
    const key = `${port.slot}/${port.name}`;
    switch (port.source) {
      case 'scalar':
        return scalarTensor(scalars[port.name]!);
      case 'state':
        return slotTensor(port, job.state?.get(key) ?? zeros(port.dtype, fixedShape(port)));
      case 'broadcast': {
        const tensor = job.broadcast?.get(key);
        if (tensor === undefined) throw inputError(`the algorithm's tensor ${key}, which the server sends, is missing`);
        return slotTensor(port, tensor);
      }
      default:
        return dataOrParameter(port, job, model);
    }
  };
}

function slotTensor(port: GraphPort, tensor: Tensor): Tensor {
  return checkTensor(
    `${port.source} ${port.slot}/${port.name}`,
    { dtype: port.dtype, shape: fixedShape(port) },
    tensor,
  );
}

export function scalarTensor(value: number): Tensor {
  return { dtype: 'float32', shape: [], data: Float32Array.of(value) };
}

/** All rows in their order, in batches as even as they can be: little of the last one is padding. */
export function consecutiveOrder(sampleCount: number, batchSizeMax: number): Tensor {
  const steps = Math.ceil(sampleCount / batchSizeMax);
  const batch = Math.ceil(sampleCount / steps);
  const data = new BigInt64Array(steps * batch).fill(-1n);
  for (let row = 0; row < sampleCount; row++) data[row] = BigInt(row);
  return { dtype: 'int64', shape: [steps, batch], data };
}

export function rowsOf(order: Tensor, start: number, end: number): Tensor {
  const batch = order.shape[1]!;
  return { dtype: 'int64', shape: [end - start, batch], data: order.data.subarray(start * batch, end * batch) };
}

/** Every port but those of data and order has a shape of numbers. */
export function fixedShape({ shape }: GraphPort): readonly number[] {
  return shape.map(Number);
}
