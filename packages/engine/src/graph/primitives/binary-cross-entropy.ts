import { dense } from '../../reference/dense.js';
import { makeTensor } from '../constant-data.js';
import { sameShape } from '../shapes.js';
import type { Primitive, Value } from '../value.js';
import { isFloat } from '../value-type.js';

/**
 * -t log s - (1 - t) log(1 - s) with s = sigmoid(x), element by element, as max(x, 0) - x t + log(1 + exp(-|x|)): nothing in it
 * overflows. One primitive because its gradient by x is s - t, also at 0, where that of its parts is not.
 */
export const binaryCrossEntropy: Primitive<undefined> = {
  name: 'binaryCrossEntropy',
  inferShape([logits, target], _, problem) {
    if (!sameShape(logits!.shape, target!.shape)) throw problem('needs logits and target of one shape');
    if (!isFloat(logits!.dtype) || logits!.dtype !== target!.dtype)
      throw problem('takes floats of one dtype', 'graph.dtype');
    return [{ dtype: logits!.dtype, shape: logits!.shape }];
  },
  gradient({ graph, inputs, outputGradients, needed }) {
    const [logits, target] = inputs as [Value, Value];
    const d = outputGradients[0]!;
    return [
      needed[0] ? graph.mul(graph.sub(graph.sigmoid(logits), target), d) : undefined,
      needed[1] ? graph.mul(graph.neg(logits), d) : undefined,
    ];
  },
  evaluate([logits, target]) {
    const losses = logits!.data.map(
      (x, at) => Math.max(x, 0) - x * target!.data[at]! + Math.log1p(Math.exp(-Math.abs(x))),
    );
    return [dense(logits!.shape, losses)];
  },
  lower([logits, target], _, { emit, constant, outputs }) {
    const type = outputs[0]!;
    const linear = emit('Sub', [emit('Relu', [logits], {}, type), emit('Mul', [logits, target], {}, type)], {}, type);
    const small = emit('Exp', [emit('Neg', [emit('Abs', [logits], {}, type)], {}, type)], {}, type);
    const above = emit('Log', [emit('Add', [small, constant(makeTensor(1, type.dtype))], {}, type)], {}, type);
    return [emit('Add', [linear, above], {}, type)];
  },
};
