import { sameShape } from '../../graph/shapes.js';
import type { Rule } from '../optimize.js';
import { producedBy, reshaped, withoutOnes } from './match.js';

const shapeOnly = new Set(['Reshape', 'Expand', 'Squeeze', 'Unsqueeze']);

/** A Reshape, Expand or Transpose that changes nothing. */
export const dropIdentity: Rule = {
  name: 'drop-identity',
  apply({ op, inputs, outputs, attributes }) {
    const [x] = inputs;
    const perm = attributes.perm as readonly number[] | undefined;
    const same =
      op === 'Transpose'
        ? perm!.every((axis, index) => axis === index)
        : shapeOnly.has(op) && sameShape(x!.shape, outputs[0]!.shape);
    return same ? [x] : undefined;
  },
};

/** Of two reshapes in a row the last says all. */
export const mergeReshapes: Rule = {
  name: 'merge-reshapes',
  apply({ op, inputs, outputs }, context) {
    if (op !== 'Reshape' && op !== 'Unsqueeze' && op !== 'Squeeze') return undefined;
    const before = (['Reshape', 'Unsqueeze', 'Squeeze'] as const)
      .map((kind) => producedBy(inputs[0], kind))
      .find(Boolean);
    const result = before && reshaped(before.inputs[0]!, outputs[0]!.shape, context);
    return result && [result];
  },
};

export const mergeTransposes: Rule = {
  name: 'merge-transposes',
  apply({ op, inputs, outputs, attributes }, { emit }) {
    const before = op === 'Transpose' ? producedBy(inputs[0], 'Transpose') : undefined;
    if (before === undefined) return undefined;
    const first = before.attributes.perm as readonly number[];
    const perm = (attributes.perm as readonly number[]).map((axis) => first[axis]!);
    return [emit('Transpose', before.inputs, { perm }, outputs[0]!)];
  },
};

/** A Transpose that moves only axes of extent 1 moves no element. */
export const transposeToReshape: Rule = {
  name: 'transpose-to-reshape',
  apply({ op, inputs, outputs, attributes }, context) {
    if (op !== 'Transpose') return undefined;
    const x = inputs[0]!;
    const moving = (attributes.perm as readonly number[]).filter((axis) => x.shape[axis] !== 1);
    const inOrder = moving.every((axis, index) => index === 0 || axis > moving[index - 1]!);
    if (!inOrder || !sameShape(withoutOnes(x.shape), withoutOnes(outputs[0]!.shape))) return undefined;
    const result = reshaped(x, outputs[0]!.shape, context);
    return result && [result];
  },
};

/** A symbolic extent is read from the graph's inputs, which takes it out of loops. */
export const extentFromInput: Rule = {
  name: 'extent-from-input',
  apply({ op, inputs, attributes }, { extent }) {
    if (op !== 'Shape' || inputs[0]!.name !== undefined) return undefined;
    const symbol = inputs[0]!.shape[attributes.start as number];
    const single = attributes.end === (attributes.start as number) + 1;
    const result = single && typeof symbol === 'string' ? extent(symbol) : undefined;
    return result && [result];
  },
};
