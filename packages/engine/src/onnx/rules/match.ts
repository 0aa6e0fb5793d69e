import type { Dim } from '../../graph/value-type.js';
import type { OnnxNode, OnnxValue } from '../ir.js';
import type { OperatorName } from '../operators.js';
import type { RuleContext } from '../optimize.js';

/** The producer, if it is an `op`. */
export function producedBy(value: OnnxValue | undefined, op: OperatorName): OnnxNode | undefined {
  return value?.producer?.op === op ? value.producer : undefined;
}

/** The producer, if it is an `op` and nothing else uses its result. */
export function usedOnce(value: OnnxValue | undefined, op: OperatorName, context: RuleContext): OnnxNode | undefined {
  const producer = producedBy(value, op);
  return producer !== undefined && context.uses(value!).length === 1 ? producer : undefined;
}

/** The number in a constant of one element. */
export function scalarOf(value: OnnxValue | undefined): number | undefined {
  const data = value?.constant?.data;
  return data?.length === 1 ? Number(data[0]) : undefined;
}

/** The elements of a constant int64 vector. */
export function integersOf(value: OnnxValue | undefined): readonly number[] | undefined {
  const data = value?.constant?.data;
  return data instanceof BigInt64Array ? Array.from(data, Number) : undefined;
}

/** The target of a Reshape to these extents, if it can be a constant. */
export function reshapeTarget(shape: readonly Dim[], context: RuleContext): OnnxValue | undefined {
  const symbols = shape.filter((dim) => typeof dim === 'string');
  return symbols.length > 1 ? undefined : context.integers(shape.map((dim) => (typeof dim === 'string' ? -1 : dim)));
}

/** `value` with other extents, by the shortest way. */
export function reshaped(value: OnnxValue, shape: readonly Dim[], context: RuleContext): OnnxValue | undefined {
  if (value.shape.length === shape.length && value.shape.every((dim, axis) => dim === shape[axis])) return value;
  const target = reshapeTarget(shape, context);
  return target && context.emit('Reshape', [value, target], {}, { dtype: value.dtype, shape });
}

export function withoutOnes(shape: readonly Dim[]): readonly Dim[] {
  return shape.filter((dim) => dim !== 1);
}

export function floatAttribute({ attributes }: OnnxNode, name: string, missing: number): number {
  const attribute = attributes[name];
  return typeof attribute === 'object' && 'float' in attribute ? attribute.float : missing;
}
