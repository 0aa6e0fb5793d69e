import { type DataSpec, FedloomError, type Tensor } from '@fedloom/engine';
import type { Examples } from './dataset.js';

/** What an error says of data at fault. */
export interface DataOrigin {
  /** Where the data come from, at the start of a message: `arrays()`, or a file. */
  readonly where: string;
  /** Which samples: the train split, the test split. */
  readonly split: string;
}

/**
 * Checks that examples are what `spec` says: dtypes, shapes, as many labels as samples, labels within the classes, no NaN
 * or infinity.
 * @throws FedloomError `data.shape`, `data.dtype`, `data.labels` or `data.not-finite`, with what was found and expected.
 */
export function checkExamples({ x, y }: Examples, spec: DataSpec, origin: DataOrigin): void {
  checkForm('x', x, spec.x, origin);
  checkForm('y', y, spec.y, origin);
  if (x.shape[0] !== y.shape[0]) {
    throw fault(
      'data.shape',
      origin,
      `there are ${x.shape[0]} samples in x but ${y.shape[0]} in y; each sample needs its label`,
    );
  }
  checkFinite('x', x, origin);
  checkFinite('y', y, origin);
  const { classes } = spec.y;
  if (classes === undefined) return;
  const labels = y.data as Int32Array;
  const place = labels.findIndex((label) => label < 0 || label >= classes);
  if (place < 0) return;
  const row = Math.floor(place / (labels.length / y.shape[0]!));
  throw fault(
    'data.labels',
    origin,
    `sample ${row} has label ${labels[place]}, but the ${classes} classes are 0 to ${classes - 1}`,
  );
}

function checkForm(name: string, found: Tensor, wanted: DataSpec['x'] | DataSpec['y'], origin: DataOrigin): void {
  if (found.dtype !== wanted.dtype) {
    const convert = found.dtype === 'int64' || found.dtype === 'float64' ? `: convert it before it is written` : '';
    throw fault('data.dtype', origin, `${name} holds ${found.dtype}; expected is ${wanted.dtype}${convert}`);
  }
  const [, ...sample] = found.shape;
  const fits =
    found.shape.length === wanted.shape.length + 1 && wanted.shape.every((extent, axis) => sample[axis] === extent);
  if (fits) return;
  const [foundText, wantedText] = [found.shape.join(', '), ['samples', ...wanted.shape].join(', ')];
  throw fault('data.shape', origin, `${name} has shape [${foundText}]; expected is [${wantedText}]`);
}

function checkFinite(name: string, { dtype, shape, data }: Tensor, origin: DataOrigin): void {
  if (dtype !== 'float32') return;
  const at = (data as Float32Array).findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const size = data.length / shape[0]!;
  const place = shape.length === 1 ? name : `${name} at [${placeOf(at % size, shape.slice(1)).join(', ')}]`;
  throw fault(
    'data.not-finite',
    origin,
    `sample ${Math.floor(at / size)} holds ${data[at]} in ${place}; replace or drop such samples`,
  );
}

/** The index of an element of a tensor, by axes. */
function placeOf(at: number, shape: readonly number[]): number[] {
  let rest = at;
  return shape
    .map((_, axis) => shape.at(-1 - axis)!)
    .map((extent) => {
      const index = rest % extent;
      rest = Math.floor(rest / extent);
      return index;
    })
    .reverse();
}

type Fault = 'data.dtype' | 'data.labels' | 'data.not-finite' | 'data.shape';

function fault(code: Fault, { where, split }: DataOrigin, what: string): FedloomError {
  return new FedloomError(code, `${where}, ${split}: ${what}.`, { where, split });
}
