import { onnxElementType } from '../../onnx/element-types.js';
import type { OperatorName } from '../../onnx/operators.js';
import { at, broadcast, dense, tabulate } from '../../reference/dense.js';
import type { DType } from '../../tensor.js';
import { broadcastShapes } from '../shapes.js';
import type { Primitive, Value } from '../value.js';
import { isFloat } from '../value-type.js';
import { inferBinary, sumTo } from './elementwise.js';

function comparison(name: string, op: OperatorName, holds: (a: number, b: number) => boolean): Primitive<undefined> {
  return {
    name,
    inferShape: (inputs, _, problem) => inferBinary(inputs, problem, 'bool'),
    gradient: () => [undefined, undefined],
    evaluate: ([a, b]) => [
      tabulate(broadcast(a!.shape, b!.shape), (index) => Number(holds(at(a!, index), at(b!, index)))),
    ],
    lower: (inputs, _, { emit, outputs }) => [emit(op, inputs, {}, outputs[0]!)],
  };
}

export const equal = comparison('equal', 'Equal', (a, b) => a === b);
export const greater = comparison('greater', 'Greater', (a, b) => a > b);
export const greaterOrEqual = comparison('greaterOrEqual', 'GreaterOrEqual', (a, b) => a >= b);

export const select: Primitive<undefined> = {
  name: 'select',
  inferShape([condition, a, b], _, problem) {
    if (condition!.dtype !== 'bool') throw problem('needs a bool condition', 'graph.dtype');
    if (a!.dtype !== b!.dtype) throw problem('needs branches of one dtype: cast() one of them', 'graph.dtype');
    const branches = broadcastShapes(a!.shape, b!.shape);
    const shape = branches && broadcastShapes(branches, condition!.shape);
    if (shape === undefined) throw problem('cannot broadcast these shapes');
    return [{ dtype: a!.dtype, shape }];
  },
  gradient({ graph, inputs, outputGradients, needed }) {
    const [condition, a, b] = inputs as [Value, Value, Value];
    const d = outputGradients[0]!;
    return [
      undefined,
      needed[1] ? sumTo(graph, graph.select(condition, d, 0), a) : undefined,
      needed[2] ? sumTo(graph, graph.select(condition, 0, d), b) : undefined,
    ];
  },
  evaluate([condition, a, b]) {
    const shape = broadcast(broadcast(a!.shape, b!.shape), condition!.shape);
    return [tabulate(shape, (index) => at(at(condition!, index) !== 0 ? a! : b!, index))];
  },
  lower: (inputs, _, { emit, outputs }) => [emit('Where', inputs, {}, outputs[0]!)],
};

export const cast: Primitive<{ readonly dtype: DType }> = {
  name: 'cast',
  inferShape: ([x], { dtype }) => [{ dtype, shape: x!.shape }],
  gradient({ graph, inputs, attributes, outputGradients }) {
    const from = inputs[0]!.dtype;
    return [isFloat(from) && isFloat(attributes.dtype) ? graph.cast(outputGradients[0]!, from) : undefined];
  },
  evaluate([x], { dtype }) {
    if (dtype === 'bool')
      return [
        dense(
          x!.shape,
          x!.data.map((value) => Number(value !== 0)),
        ),
      ];
    return [isFloat(dtype) ? x! : dense(x!.shape, x!.data.map(Math.trunc))];
  },
  lower: (inputs, { dtype }, { emit, outputs }) => [emit('Cast', inputs, { to: onnxElementType[dtype] }, outputs[0]!)],
};
