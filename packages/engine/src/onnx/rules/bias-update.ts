import type { OnnxValue } from '../ir.js';
import type { Rule, RuleContext } from '../optimize.js';
import { integersOf, reshaped, usedOnce } from './match.js';

/**
 * `b + sum over rows of d` -> `Gemm(ones [1, rows], d, b)`: one node for the update of a dense layer's bias, faster than
 * the sum. The result is reshaped to the bias's `[columns]`; `carry-reshaped` takes that out of the loop.
 */
export const biasUpdate: Rule = {
  name: 'bias-update',
  apply({ op, inputs, outputs }, context) {
    if (op !== 'Add') return undefined;
    for (const [summed, bias] of [inputs, [inputs[1], inputs[0]]]) {
      const sum = usedOnce(summed, 'ReduceSum', context);
      const matrix = sum?.inputs[0];
      if (matrix?.shape.length !== 2 || integersOf(sum!.inputs[1])?.join() !== '0') continue;
      const columns = matrix.shape[1]!;
      const isRow = bias!.shape.at(-1) === columns && bias!.shape.slice(0, -1).every((dim) => dim === 1);
      if (typeof columns !== 'number' || !isRow) continue;
      const row = reshaped(bias!, [1, columns], context)!;
      const product = context.emit('Gemm', [onesLike(matrix, context), matrix, row], {}, row);
      return [reshaped(product, outputs[0]!.shape, context)];
    }
    return undefined;
  },
};

/** Ones `[1, rows]`, of a matrix's rows. */
function onesLike(matrix: OnnxValue, context: RuleContext): OnnxValue {
  const { constants, emit, integers } = context;
  const rows = matrix.shape[0]!;
  const { dtype } = matrix;
  const data = (length: number) => (dtype === 'float64' ? new Float64Array(length) : new Float32Array(length)).fill(1);
  if (typeof rows === 'number') return constants.get({ dtype, shape: [1, rows], data: data(rows) });
  const one = constants.get({ dtype, shape: [1, 1], data: data(1) });
  const own = { start: 0, end: 1 };
  const extent = context.extent(rows) ?? emit('Shape', [matrix], own, { dtype: 'int64', shape: [1] });
  const shape = emit('Concat', [integers([1]), extent], { axis: 0 }, { dtype: 'int64', shape: [2] });
  return emit('Expand', [one, shape], {}, { dtype, shape: [1, rows] });
}
