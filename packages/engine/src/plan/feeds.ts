import { elementCount, type NamedTensors, type Tensor, zeros } from '../tensor.js';
import { paddingRow } from './batch-order.js';
import { checkOrder, checkTensor, inputError } from './job-checks.js';
import type { Job, TrainJob } from './jobs.js';
import type { GraphPort, GraphSpec, PlanManifest } from './manifest.js';

export type Resolver = (port: GraphPort) => Tensor;

/** These differ from call to call. */
const OF_A_CALL: ReadonlySet<GraphPort['source']> = new Set(['order', 'random']);

/** Every other input. */
export function resolveAll(spec: GraphSpec, resolve: Resolver): Map<string, Tensor> {
  return new Map(spec.inputs.filter(({ source }) => !OF_A_CALL.has(source)).map((port) => [port.port, resolve(port)]));
}

export function dataOrParameter(port: GraphPort, job: Pick<Job, 'x' | 'y'>, model: NamedTensors): Tensor {
  if (port.source === 'x' || port.source === 'y') return job[port.source];
  if (port.source === 'parameter' || port.source === 'global') return model.get(port.name)!;
  throw inputError(`a graph has the input ${port.port}, which this runner does not know`);
}

/** The tensors behind a train or finish graph's inputs as they are before the first step. */
export function trainResolver(manifest: PlanManifest, job: Omit<TrainJob, 'order'>, model: NamedTensors): Resolver {
  const scalars = { ...manifest.scalars, ...job.scalars };
  return (port) => {
    const key = `${port.slot}/${port.name}`;
    switch (port.source) {
      case 'scalar':
        return scalarTensor(scalars[port.name]!);
      case 'stepCount':
        return scalarTensor(0);
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

/**
 * The rows of clients that lie one behind the other, in their order. Each client's batches are as even as they can be, so
 * that little of its last one is padding; clients whose batches are equally wide share an order.
 */
export function consecutiveOrders(
  sampleCounts: readonly number[],
  batchSizeMax: number,
): { readonly order: Tensor; readonly clientOfStep: readonly number[] }[] {
  const byWidth = new Map<number, { readonly rows: bigint[]; readonly clientOfStep: number[] }>();
  let first = 0;
  for (const [client, sampleCount] of sampleCounts.entries()) {
    const steps = Math.ceil(sampleCount / batchSizeMax);
    const batch = Math.ceil(sampleCount / steps);
    const orders = byWidth.get(batch) ?? { rows: [], clientOfStep: [] };
    byWidth.set(batch, orders);
    for (let place = 0; place < steps * batch; place++) {
      orders.rows.push(place < sampleCount ? BigInt(first + place) : paddingRow);
    }
    for (let step = 0; step < steps; step++) orders.clientOfStep.push(client);
    first += sampleCount;
  }
  return [...byWidth].map(([batch, { rows, clientOfStep }]) => ({
    order: { dtype: 'int64', shape: [clientOfStep.length, batch], data: BigInt64Array.from(rows) },
    clientOfStep,
  }));
}

/**
 * Orders of clients whose samples lie one behind the other, as one of rows of all samples: int64 `[clients, steps, batch]`.
 * Padding, which repeats a client's last sample, names that sample counted from the end of all: still a negative number.
 *
 * @throws FedloomError `plan.input` when they are not one for each client, of one shape, of its own rows
 */
export function stackOrders(orders: readonly Tensor[], sampleCounts: readonly number[]): Tensor {
  const { shape } = orders[0] ?? { shape: [] };
  if (orders.length !== sampleCounts.length || orders.some((order) => order.shape.join() !== shape.join())) {
    throw inputError('the orders of clients that train together are not one for each, all of one shape');
  }
  const length = elementCount(shape);
  const total = sampleCounts.reduce((sum, count) => sum + count, 0);
  const stacked = new BigInt64Array(orders.length * length);
  const words = new Int32Array(stacked.buffer);
  let first = 0;
  for (const [client, order] of orders.entries()) {
    const sampleCount = sampleCounts[client]!;
    checkOrder(order, sampleCount);
    moveRows(words.subarray(2 * client * length), order.data as BigInt64Array, first, first + sampleCount - total);
    first += sampleCount;
  }
  return { dtype: 'int64', shape: [orders.length, ...shape], data: stacked };
}

/** Writes rows by their two words: `first` is added to each, `fromEnd` to those that are counted from the end. */
function moveRows(words: Int32Array, rows: BigInt64Array, first: number, fromEnd: number): void {
  const source = new Int32Array(rows.buffer, rows.byteOffset, 2 * rows.length);
  for (let at = 0; at < source.length; at += 2) {
    const row = source[at]!;
    words[at] = row < 0 ? row + fromEnd : row + first;
    words[at + 1] = row < 0 ? -1 : 0;
  }
}

/** Part of an order: from step to step, or from client to client. */
export function rowsOf({ shape, data }: Tensor, start: number, end: number): Tensor {
  const [count, ...rest] = shape as readonly [number, ...number[]];
  const width = data.length / count;
  return { dtype: 'int64', shape: [end - start, ...rest], data: data.subarray(start * width, end * width) };
}

/** Every port but those of data and order has a shape of numbers. */
export function fixedShape({ shape }: GraphPort): readonly number[] {
  return shape.map(Number);
}
