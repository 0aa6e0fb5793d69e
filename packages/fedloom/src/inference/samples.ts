import { allocate, type DataSpec, elementCount, FedloomError, type Tensor } from '@fedloom/engine';
import { flattenNumbers, type NestedNumbers } from '../core/nested-numbers.js';
import type { NumberArray } from '../data/arrays.js';

/**
 * Samples to predict for, as clients hold them, leading dimension first: nested lists, a tensor, or a typed array of one
 * sample after the other. A single sample may come without its leading dimension.
 */
export type SamplesInput =
  | NestedNumbers
  | NumberArray
  | { readonly data: NumberArray | Tensor['data']; readonly shape: readonly number[] };

type SampleSpec = DataSpec['x'];

/**
 * The samples as one tensor `[n, ...]` of the dtype that the model takes.
 * @throws FedloomError `predict.input` for other shapes, and for numbers that the dtype does not hold, naming the row
 */
export function samplesTensor(input: SamplesInput, spec: SampleSpec): Tensor {
  const { values, shape } = valuesOf(input, spec);
  const batch = batchOf(shape, values.length, spec);
  const { dtype } = spec;
  const tensor: Tensor = { dtype, shape: [batch, ...spec.shape], data: allocate(dtype, values.length) };
  const rowLength = elementCount(spec.shape);
  for (const [i, value] of values.entries()) {
    const number = Number(value);
    tensor.data[i] = number;
    const isHeld = dtype === 'float32' ? Number.isFinite(tensor.data[i]) : tensor.data[i] === number;
    if (!isHeld) throw notHeld(number, Math.floor(i / rowLength), dtype);
  }
  return tensor;
}

function valuesOf(
  input: SamplesInput,
  spec: SampleSpec,
): {
  values: ArrayLike<number | bigint> & { entries(): Iterable<[number, number | bigint]> };
  shape: readonly number[];
} {
  if (ArrayBuffer.isView(input)) {
    const row = elementCount(spec.shape);
    return { values: input, shape: input.length % row === 0 ? [input.length / row, ...spec.shape] : [input.length] };
  }
  if (typeof input === 'object' && 'data' in input) return { values: input.data, shape: input.shape };
  return flattenNumbers(input, (text) => wrong(`What to predict for ${text}.`));
}

/** How many samples there are. */
function batchOf(shape: readonly number[], length: number, spec: SampleSpec): number {
  const ofSample = spec.shape;
  const isOne = shape.length === ofSample.length;
  const sample = isOne ? shape : shape.slice(1);
  const fits = sample.length === ofSample.length && ofSample.every((extent, axis) => sample[axis] === extent);
  const batch = isOne ? 1 : (shape[0] ?? 0);
  if (fits && length === batch * elementCount(ofSample)) return batch;
  const wanted = ['samples', ...ofSample].join(', ');
  throw wrong(
    `What to predict for has shape [${shape.join(', ')}], ${length} numbers; expected is [${wanted}], as clients hold their samples.`,
  );
}

function notHeld(value: number, row: number, dtype: string): FedloomError {
  const wanted =
    dtype === 'float32'
      ? 'finite numbers'
      : dtype === 'uint8'
        ? 'whole numbers from 0 to 255'
        : 'whole numbers of 32 bits';
  return wrong(`Sample ${row + 1} of those to predict for holds ${value}; the model takes ${wanted}.`, { row });
}

function wrong(message: string, fields: { readonly row?: number } = {}): FedloomError {
  return new FedloomError('predict.input', message, fields);
}
