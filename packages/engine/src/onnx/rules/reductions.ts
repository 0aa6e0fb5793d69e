import { broadcastShapes, extentOf, sameShape } from '../../graph/shapes.js';
import type { OnnxValue } from '../ir.js';
import type { Rule } from '../optimize.js';
import { integersOf, producedBy, usedOnce } from './match.js';

const elementwise = new Set(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Equal', 'Greater', 'GreaterOrEqual', 'Where']);

/** An operand of an elementwise operation need not be expanded to a shape that the others have. */
export const expandIntoBroadcast: Rule = {
  name: 'expand-into-broadcast',
  apply({ op, inputs, outputs, attributes }, { emit }) {
    if (!elementwise.has(op)) return undefined;
    for (const [index, input] of inputs.entries()) {
      const expand = producedBy(input, 'Expand');
      if (expand === undefined) continue;
      const operands = inputs.map((other, position) => (position === index ? expand.inputs[0] : other));
      const shape = operands.reduce<ReturnType<typeof broadcastShapes>>(
        (all, operand) => all && broadcastShapes(all, operand!.shape),
        [],
      );
      if (shape !== undefined && sameShape(shape, outputs[0]!.shape))
        return [emit(op, operands, attributes, outputs[0]!)];
    }
    return undefined;
  },
};

/** A sum that keeps its axes as 1, only to lose them in a Reshape, drops them at once. */
export const sumDroppingAxes: Rule = {
  name: 'sum-dropping-axes',
  apply({ op, inputs, outputs }, context) {
    const sum = op === 'Reshape' ? usedOnce(inputs[0], 'ReduceSum', context) : undefined;
    if (sum === undefined || sum.attributes.keepdims === 0) return undefined;
    const axes = new Set(integersOf(sum.inputs[1])!.map((axis) => (axis < 0 ? axis + inputs[0]!.shape.length : axis)));
    const dropped = inputs[0]!.shape.filter((_, axis) => !axes.has(axis));
    if (!sameShape(dropped, outputs[0]!.shape)) return undefined;
    return [context.emit('ReduceSum', sum.inputs, { keepdims: 0 }, outputs[0]!)];
  },
};

/** A sum over images and pixels `[N, C, H, W]` -> first over pixels, then over images: three times as fast in ONNX Runtime. */
export const splitImageSum: Rule = {
  name: 'split-image-sum',
  apply({ op, inputs, outputs, attributes }, { emit, integers, uses }) {
    const [x] = inputs;
    // `sum-dropping-axes` comes first.
    if (attributes.keepdims !== 0 && uses(outputs[0]!).some(({ node }) => node?.op === 'Reshape')) return undefined;
    const axes = op === 'ReduceSum' && x!.shape.length === 4 ? integersOf(inputs[1])?.join() : undefined;
    if (axes !== '0,2,3') return undefined;
    const perImage = {
      dtype: x!.dtype,
      shape: [...x!.shape.slice(0, 2), ...(attributes.keepdims === 0 ? [] : [1, 1])],
    };
    const pixels = emit('ReduceSum', [x, integers([2, 3])], attributes, perImage);
    return [emit('ReduceSum', [pixels, integers([0])], attributes, outputs[0]!)];
  },
};

/** `a + -b` -> `a - b`. */
export const negatedAddend: Rule = {
  name: 'negated-addend',
  apply({ op, inputs, outputs }, context) {
    if (op !== 'Add') return undefined;
    for (const [negated, other] of [inputs, [inputs[1], inputs[0]]]) {
      const neg = usedOnce(negated, 'Neg', context);
      if (neg !== undefined) return [context.emit('Sub', [other, neg.inputs[0]], {}, outputs[0]!)];
    }
    return undefined;
  },
};

/** `sum(-x)` -> `-sum(x)`: the same to the bit, of fewer elements. */
export const sumOfNegated: Rule = {
  name: 'sum-of-negated',
  apply({ op, inputs, outputs, attributes }, context) {
    const neg = op === 'ReduceSum' ? usedOnce(inputs[0], 'Neg', context) : undefined;
    if (neg === undefined) return undefined;
    const sum = context.emit('ReduceSum', [neg.inputs[0], inputs[1]], attributes, outputs[0]!);
    return [context.emit('Neg', [sum], {}, outputs[0]!)];
  },
};

/** `a x + a x` -> `(2 a) x` where a has fewer elements, as in the gradient of a square: the same to the bit. */
export const doubledProduct: Rule = {
  name: 'doubled-product',
  apply({ op, inputs, outputs }, context) {
    const [product, other] = inputs;
    if (op !== 'Add' || product === undefined || product !== other || product.producer?.op !== 'Mul') return undefined;
    if (context.uses(product).length !== 2) return undefined;
    for (const [factor, x] of [product.producer.inputs, product.producer.inputs.toReversed()]) {
      if (factor === undefined || x === undefined || !sameShape(x.shape, product.shape) || !isSmaller(factor, x))
        continue;
      const twice = context.emit('Add', [factor, factor], {}, factor);
      return [context.emit('Mul', [twice, x], {}, outputs[0]!)];
    }
    return undefined;
  },
};

function isSmaller(a: OnnxValue, b: OnnxValue): boolean {
  return !sameShape(a.shape, b.shape) && extentOf(a.shape).count < extentOf(b.shape).count;
}
