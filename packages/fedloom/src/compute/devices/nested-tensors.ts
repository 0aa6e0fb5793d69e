import { FedloomError, type NamedTensors, type Tensor, type TensorData } from '@fedloom/engine';
import { decodeHalves, encodeHalves } from '../../core/float16.js';
import { flattenNumbers, type NestedNumbers } from '../../core/nested-numbers.js';
import type { TensorSpec } from '../../core/params.js';

/** Named tensors as nested lists of numbers: JSON that any language reads. */
export function toLists(tensors: NamedTensors): Readonly<Record<string, NestedNumbers>> {
  return Object.fromEntries([...tensors].map(([name, tensor]) => [name, listsOf(tensor)]));
}

function listsOf({ dtype, shape, data }: Tensor): NestedNumbers {
  const numbers = dtype === 'float16' ? decodeHalves(data as Uint16Array) : data;
  let next = 0;
  const level = (axis: number): NestedNumbers => {
    const size = shape[axis];
    if (size === undefined) return Number(numbers[next++]);
    return Array.from({ length: size }, () => level(axis + 1));
  };
  return level(0);
}

/**
 * Tensors out of what a device sent, each in the dtype and shape of its spec; names beyond the specs are left out.
 * @throws FedloomError `device.params` for one that is missing, or not what it must be
 */
export function fromLists(lists: unknown, specs: readonly TensorSpec[], device: number): NamedTensors {
  const given = (typeof lists === 'object' && lists !== null ? lists : {}) as Readonly<Record<string, unknown>>;
  return new Map(specs.map((spec) => [spec.name, tensorOf(given, spec, device)]));
}

function tensorOf(given: Readonly<Record<string, unknown>>, spec: TensorSpec, device: number): Tensor {
  const { name, dtype, shape } = spec;
  const problem = (what: string) =>
    new FedloomError('device.params', `Device ${device} sent model_params in which "${name}" ${what}.`, {
      device,
      parameter: name,
    });
  const value = Object.hasOwn(given, name) ? given[name] : undefined;
  if (value === undefined)
    throw problem(`is missing; there are: ${Object.keys(given).slice(0, 20).join(', ') || 'none'}`);
  const { shape: came, values } = flattenNumbers(value as NestedNumbers, problem);
  if (came.length !== shape.length || came.some((size, axis) => size !== shape[axis])) {
    throw problem(`has shape [${came.join(', ')}]; the model has [${shape.join(', ')}]`);
  }
  return { dtype, shape, data: dataOf(values, dtype, problem) };
}

function dataOf(values: Float64Array, dtype: Tensor['dtype'], problem: (what: string) => Error): TensorData {
  const whole = () => {
    if (!values.every(Number.isSafeInteger)) throw problem(`holds something else than whole numbers, and is ${dtype}`);
    return values;
  };
  switch (dtype) {
    case 'float32':
      return Float32Array.from(values);
    case 'float64':
      return values;
    case 'float16':
      return encodeHalves(values);
    case 'int32':
      return Int32Array.from(whole());
    case 'int64':
      return BigInt64Array.from(whole(), BigInt);
    default:
      return Uint8Array.from(whole());
  }
}
