import { at, dense, eachIndex, offsetOf, tabulate } from '../../reference/dense.js';
import { zeros } from '../../tensor.js';
import { sameShape } from '../shapes.js';
import type { Primitive } from '../value.js';
import { type Dim, isFloat, type ValueType } from '../value-type.js';

function isIndex({ dtype }: ValueType): boolean {
  return dtype === 'int32' || dtype === 'int64';
}

export const gather: Primitive<undefined> = {
  name: 'gather',
  inferShape([x, indices], _, problem) {
    if (!isIndex(indices!)) throw problem('needs int32 or int64 indices', 'graph.dtype');
    if (x!.shape.length === 0) throw problem('cannot take rows of a scalar');
    return [{ dtype: x!.dtype, shape: [...indices!.shape, ...x!.shape.slice(1)] }];
  },
  gradient({ graph, inputs, outputGradients }) {
    return [graph.scatterAdd(outputGradients[0]!, inputs[1]!, inputs[0]!.shape[0]!), undefined];
  },
  evaluate([x, indices]) {
    const rank = indices!.shape.length;
    return [
      tabulate([...indices!.shape, ...x!.shape.slice(1)], (index) => {
        const row = at(indices!, index.slice(0, rank));
        return x!.data[offsetOf(x!.shape, [row < 0 ? row + x!.shape[0]! : row, ...index.slice(rank)])]!;
      }),
    ];
  },
  lower: (inputs, _, { emit, outputs }) => [emit('Gather', inputs, { axis: 0 }, outputs[0]!)],
};

export const scatterAdd: Primitive<{ readonly rows: Dim }> = {
  name: 'scatterAdd',
  inferShape([updates, indices], { rows }, problem) {
    if (!isIndex(indices!)) throw problem('needs int32 or int64 indices', 'graph.dtype');
    if (!isFloat(updates!.dtype)) throw problem('takes floats only', 'graph.dtype');
    const rank = indices!.shape.length;
    if (!sameShape(updates!.shape.slice(0, rank), indices!.shape)) {
      throw problem('needs one row of updates for each index');
    }
    return [{ dtype: updates!.dtype, shape: [rows, ...updates!.shape.slice(rank)] }];
  },
  gradient: ({ graph, inputs, outputGradients }) => [graph.gather(outputGradients[0]!, inputs[1]!), undefined],
  evaluate([updates, indices], _, { outputs, extent }) {
    const rank = indices!.shape.length;
    const result = dense(outputs[0]!.shape.map(extent));
    eachIndex(updates!.shape, (index, position) => {
      const row = at(indices!, index.slice(0, rank));
      const target = offsetOf(result.shape, [row < 0 ? row + result.shape[0]! : row, ...index.slice(rank)]);
      result.data[target] = result.data[target]! + updates!.data[position]!;
    });
    return [result];
  },
  lower([updates, indices], _, { emit, constant, integers, shape, outputs }) {
    const type = outputs[0]!;
    const base = emit('Expand', [constant(zeros(type.dtype, [])), shape(type.shape)], {}, type);
    const wide = emit('Cast', [indices], { to: 7 }, { dtype: 'int64', shape: indices!.shape });
    const columns: ValueType = { dtype: 'int64', shape: [...indices!.shape, 1] };
    const rows = emit('Unsqueeze', [indices!.dtype === 'int64' ? indices : wide, integers([-1])], {}, columns);
    return [emit('ScatterND', [base, rows, updates], { reduction: 'add' }, type)];
  },
};

export const oneHot: Primitive<{ readonly depth: number }> = {
  name: 'oneHot',
  inferShape([indices], { depth }, problem) {
    if (!isIndex(indices!)) throw problem('needs int32 or int64 indices', 'graph.dtype');
    return [{ dtype: 'float32', shape: [...indices!.shape, depth] }];
  },
  gradient: () => [undefined],
  evaluate: ([indices], { depth }) => [
    tabulate([...indices!.shape, depth], (index) => Number(at(indices!, index.slice(0, -1)) === index.at(-1))),
  ],
  lower([indices], { depth }, { emit, constant, integers, outputs }) {
    const { dtype, shape } = indices!;
    const numbers = Array.from({ length: depth }, (_, index) => index);
    const classes =
      dtype === 'int64'
        ? constant({ dtype, shape: [depth], data: BigInt64Array.from(numbers, BigInt) })
        : constant({ dtype: 'int32', shape: [depth], data: Int32Array.from(numbers) });
    const column = emit('Unsqueeze', [indices, integers([-1])], {}, { dtype, shape: [...shape, 1] });
    const matches = emit('Equal', [column, classes], {}, { dtype: 'bool', shape: outputs[0]!.shape });
    return [emit('Cast', [matches], { to: 1 }, outputs[0]!)];
  },
};
