import { elementCount } from '../../tensor.js';
import type { OnnxNode, OnnxValue } from '../ir.js';
import type { Rule } from '../optimize.js';
import { usedOnce } from './match.js';

/** `(x a) b` with scalars a and b -> `x (a b)`: one pass over x instead of two, and a b often leaves the loop. */
export const scalarFactors: Rule = {
  name: 'scalar-factors',
  apply({ op, inputs, outputs }, context) {
    const outer = op === 'Mul' ? scalarFactor(inputs) : undefined;
    const before = outer && usedOnce(outer.x, 'Mul', context);
    const inner = before && scalarFactor(before.inputs);
    if (outer === undefined || inner === undefined) return undefined;
    const factor = context.emit('Mul', [inner.scalar, outer.scalar], {}, { dtype: outer.scalar.dtype, shape: [] });
    return [context.emit('Mul', [inner.x, factor], {}, outputs[0]!)];
  },
};

/** The scalar of a product (shape `[]`) and its other factor, which has more than one element. */
function scalarFactor(inputs: OnnxNode['inputs']): { readonly x: OnnxValue; readonly scalar: OnnxValue } | undefined {
  const [a, b] = inputs as readonly [OnnxValue, OnnxValue];
  if (b.shape.length === 0 && isLarge(a)) return { x: a, scalar: b };
  return a.shape.length === 0 && isLarge(b) ? { x: b, scalar: a } : undefined;
}

function isLarge({ shape }: OnnxValue): boolean {
  return shape.some((dim) => typeof dim === 'string') || elementCount(shape as readonly number[]) > 1;
}
