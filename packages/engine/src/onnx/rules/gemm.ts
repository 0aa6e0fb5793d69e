import { broadcastShapes, sameShape } from '../../graph/shapes.js';
import type { Dim } from '../../graph/value-type.js';
import type { OnnxNode, OnnxValue } from '../ir.js';
import type { Rule } from '../optimize.js';
import { floatAttribute, producedBy, scalarOf, usedOnce } from './match.js';

/** `c + A B` -> one Gemm with addend c: how a bias is added, and how a product becomes the updated weight. */
export const gemmAddend: Rule = {
  name: 'gemm-addend',
  apply({ op, inputs, outputs }, context) {
    if (op !== 'Add') return undefined;
    for (const [product, addend] of [inputs, [inputs[1], inputs[0]]]) {
      const gemm = usedOnce(product, 'Gemm', context);
      // The addend may broadcast to the product, not the other way round.
      if (gemm === undefined || gemm.inputs.length > 2 || !sameShape(product!.shape, outputs[0]!.shape)) continue;
      return [context.emit('Gemm', [...gemm.inputs, addend], gemm.attributes, outputs[0]!)];
    }
    return undefined;
  },
};

/** An addend that was only reshaped by axes of extent 1 in front broadcasts as it was. */
export const gemmAddendShape: Rule = {
  name: 'gemm-addend-shape',
  apply({ op, inputs, outputs, attributes }, { emit }) {
    if (op !== 'Gemm') return undefined;
    const reshape = producedBy(inputs[2], 'Reshape') ?? producedBy(inputs[2], 'Unsqueeze');
    const addend = reshape?.inputs[0];
    if (addend === undefined || addend.shape.length > 2) return undefined;
    if (!sameShape(withoutLeadingOnes(addend.shape), withoutLeadingOnes(inputs[2]!.shape))) return undefined;
    return [emit('Gemm', [inputs[0], inputs[1], addend], attributes, outputs[0]!)];
  },
};

function withoutLeadingOnes(shape: readonly Dim[]): readonly Dim[] {
  const first = shape.findIndex((dim) => dim !== 1);
  return first < 0 ? [] : shape.slice(first);
}

/** `A B + k c` with a constant k -> Gemm with beta k (momentum, weight decay). */
export const gemmBeta: Rule = {
  name: 'gemm-beta',
  apply(node, context) {
    const { op, inputs, outputs, attributes } = node;
    const scaled = op === 'Gemm' ? usedOnce(inputs[2], 'Mul', context) : undefined;
    const parts = scaled && scaledParts(scaled);
    if (parts === undefined || !sameShape(parts.x.shape, inputs[2]!.shape)) return undefined;
    const beta = { float: floatAttribute(node, 'beta', 1) * parts.factor };
    return [context.emit('Gemm', [inputs[0], inputs[1], parts.x], { ...attributes, beta }, outputs[0]!)];
  },
};

/** `(k x) B` with a constant k, where only Gemms use k x -> Gemm with alpha k (pixels scaled to [0, 1]). */
export const gemmAlpha: Rule = {
  name: 'gemm-alpha',
  apply(node, context) {
    const { op, inputs, outputs, attributes } = node;
    if (op !== 'Gemm') return undefined;
    for (const index of [0, 1]) {
      const scaled = producedBy(inputs[index], 'Mul');
      const parts = scaled && scaledParts(scaled);
      if (parts === undefined || !sameShape(parts.x.shape, inputs[index]!.shape)) continue;
      const uses = context.uses(inputs[index]!);
      const onlyProducts = uses.length > 0 && uses.every((use) => use.node?.op === 'Gemm' && use.index < 2);
      if (!onlyProducts) continue;
      const alpha = { float: floatAttribute(node, 'alpha', 1) * parts.factor };
      const operands = inputs.map((input, position) => (position === index ? parts.x : input));
      return [context.emit('Gemm', operands, { ...attributes, alpha }, outputs[0]!)];
    }
    return undefined;
  },
};

/** `reshape(k x)` -> `k reshape(x)`, so that the scale stands next to the Gemm that takes it over. */
export const scaleAfterReshape: Rule = {
  name: 'scale-after-reshape',
  apply({ op, inputs, outputs }, context) {
    const scaled = op === 'Reshape' ? usedOnce(inputs[0], 'Mul', context) : undefined;
    const parts = scaled && scaledParts(scaled);
    const feedsGemms = context.uses(outputs[0]!).every((use) => use.node?.op === 'Gemm' && use.index < 2);
    if (parts === undefined || !feedsGemms || !sameShape(parts.x.shape, inputs[0]!.shape)) return undefined;
    const x = context.emit('Reshape', [parts.x, inputs[1]], {}, outputs[0]!);
    return [context.emit('Mul', [x, parts.scale], {}, outputs[0]!)];
  },
};

/** The factor of a product with a constant of one element. */
function scaledParts({ inputs }: OnnxNode): { x: OnnxValue; scale: OnnxValue; factor: number } | undefined {
  for (const [x, scale] of [inputs, [inputs[1], inputs[0]]]) {
    const factor = scalarOf(scale);
    const broadcast = factor !== undefined && broadcastShapes(x!.shape, scale!.shape);
    if (factor !== undefined && broadcast && sameShape(broadcast, x!.shape)) return { x: x!, scale: scale!, factor };
  }
  return undefined;
}
