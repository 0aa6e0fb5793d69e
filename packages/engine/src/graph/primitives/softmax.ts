import { type Dense, dense } from '../../reference/dense.js';
import { normalizeAxis, sameShape } from '../shapes.js';
import type { Primitive, Value } from '../value.js';
import { isFloat, type ProblemFactory, type ValueType } from '../value-type.js';

function inferRows([x]: readonly ValueType[], _: undefined, problem: ProblemFactory): readonly ValueType[] {
  normalizeAxis(-1, x!.shape.length, problem);
  if (!isFloat(x!.dtype)) throw problem('takes floats only', 'graph.dtype');
  return [{ dtype: x!.dtype, shape: x!.shape }];
}

/** Applies `f` to the rows along the last axis: an array of float64 to one of the same length. */
function mapRows(x: Dense, f: (row: Float64Array) => Float64Array): Dense {
  const width = x.shape.at(-1)!;
  const result = dense(x.shape);
  for (let start = 0; start < x.data.length; start += width) {
    result.data.set(f(x.data.subarray(start, start + width)), start);
  }
  return result;
}

function logSoftmaxRow(row: Float64Array): Float64Array {
  const largest = row.reduce((a, b) => Math.max(a, b));
  const total = row.reduce((sum, x) => sum + Math.exp(x - largest), 0);
  return row.map((x) => x - largest - Math.log(total));
}

export const softmax: Primitive<undefined> = {
  name: 'softmax',
  inferShape: inferRows,
  // dx = y * (d - sum(d * y))
  gradient({ graph, outputs, outputGradients }) {
    const y = outputs[0]!;
    const dy = graph.mul(outputGradients[0]!, y);
    return [graph.sub(dy, graph.mul(y, graph.sum(dy, [-1], true)))];
  },
  evaluate: ([x]) => [mapRows(x!, (row) => logSoftmaxRow(row).map(Math.exp))],
  lower: (inputs, _, { emit, outputs }) => [emit('Softmax', inputs, { axis: -1 }, outputs[0]!)],
};

export const logSoftmax: Primitive<undefined> = {
  name: 'logSoftmax',
  inferShape: inferRows,
  // dx = d - softmax * sum(d)
  gradient({ graph, inputs, outputGradients }) {
    const d = outputGradients[0]!;
    return [graph.sub(d, graph.mul(graph.softmax(inputs[0]!), graph.sum(d, [-1], true)))];
  },
  evaluate: ([x]) => [mapRows(x!, logSoftmaxRow)],
  lower: (inputs, _, { emit, outputs }) => [emit('LogSoftmax', inputs, { axis: -1 }, outputs[0]!)],
};

export const softmaxCrossEntropy: Primitive<undefined> = {
  name: 'softmaxCrossEntropy',
  inferShape([logits, target], _, problem) {
    if (logits!.shape.length === 0 || !sameShape(logits!.shape, target!.shape)) {
      throw problem('needs logits and target of one shape [..., classes]');
    }
    if (!isFloat(logits!.dtype) || logits!.dtype !== target!.dtype)
      throw problem('takes floats of one dtype', 'graph.dtype');
    return [{ dtype: logits!.dtype, shape: logits!.shape.slice(0, -1) }];
  },
  gradient({ graph, inputs, outputGradients, needed }) {
    const [logits, target] = inputs as [Value, Value];
    const d = graph.reshape(outputGradients[0]!, [...logits.shape.slice(0, -1), 1]);
    return [
      needed[0] ? graph.mul(graph.sub(graph.softmax(logits), target), d) : undefined,
      needed[1] ? graph.mul(graph.logSoftmax(logits), graph.neg(d)) : undefined,
    ];
  },
  evaluate([logits, target]) {
    const logarithms = mapRows(logits!, logSoftmaxRow);
    const losses = dense(logits!.shape.slice(0, -1));
    const classes = logits!.shape.at(-1)!;
    for (const [position, logarithm] of logarithms.data.entries()) {
      const row = Math.floor(position / classes);
      losses.data[row] = losses.data[row]! - target!.data[position]! * logarithm;
    }
    return [losses];
  },
  lower([logits, target], _, { emit, integers, outputs }) {
    const logarithms = emit('LogSoftmax', [logits], { axis: -1 }, logits!);
    const products = emit('Mul', [logarithms, target], {}, logits!);
    const sums = emit('ReduceSum', [products, integers([-1])], { keepdims: 0 }, outputs[0]!);
    return [emit('Neg', [sums], {}, outputs[0]!)];
  },
};
