import type { FedloomError } from '../errors.js';
import type { DType } from '../tensor.js';

/** An extent: a number, or a symbol ('batch', 'steps') for one that is known only when the graph runs. Equal symbols are equal extents. */
export type Dim = number | string;

export interface ValueType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** Makes the error of a sentence that says what does not fit. */
export type ProblemFactory = (what: string, code?: 'graph.shape' | 'graph.dtype') => FedloomError;

export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16';
}
