import { sameShape } from '../../graph/shapes.js';
import type { Rule } from '../optimize.js';
import { reshaped, usedOnce } from './match.js';

/** `conv(x, w) + b` with one b a channel -> Conv with a bias. */
export const convBias: Rule = {
  name: 'conv-bias',
  apply({ op, inputs, outputs }, context) {
    if (op !== 'Add') return undefined;
    for (const [product, bias] of [inputs, [inputs[1], inputs[0]]]) {
      const conv = usedOnce(product, 'Conv', context);
      if (conv === undefined || conv.inputs.length > 2) continue;
      const channels = product!.shape[1]!;
      const perChannel =
        sameShape(bias!.shape.slice(-3), [channels, 1, 1]) && bias!.shape.slice(0, -3).every((dim) => dim === 1);
      const vector = perChannel ? reshaped(bias!, [channels], context) : undefined;
      if (vector !== undefined) return [context.emit('Conv', [...conv.inputs, vector], conv.attributes, outputs[0]!)];
    }
    return undefined;
  },
};
