import { expect, test } from 'vitest';
import { gradients } from '../graph/gradients.js';
import { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { OnnxGraph } from './ir.js';
import { lower } from './lower.js';
import { type OperatorName, operatorAttributes } from './operators.js';
import { optimize } from './optimize.js';
import { rules } from './rules/index.js';

type Used = Map<OperatorName, Set<string>>;

function collect({ nodes }: OnnxGraph, used: Used): Used {
  for (const { op, attributes, body } of nodes) {
    const names = used.get(op) ?? new Set();
    for (const name of [...Object.keys(attributes), ...(body === undefined ? [] : ['body'])]) names.add(name);
    used.set(op, names);
    if (body !== undefined) collect(body, used);
  }
  return used;
}

const kernel = { kernel: [2, 2], strides: [2, 2] } as const;
const overlapping = { kernel: [3, 3], strides: [2, 2] } as const;
const windows = { strides: [2, 2], padding: [1, 1, 1, 1] } as const;

/** Every operation that a graph's builder has. */
function everything(g: Graph): Value[] {
  const x = g.input('x', 'float32', ['n', 4]);
  const w = g.input('w', 'float32', [4, 4]);
  const images = g.input('images', 'float32', ['n', 2, 6, 6]);
  const filters = g.input('filters', 'float32', [3, 2, 2, 2]);
  const rows = g.input('rows', 'int64', ['n']);
  const positive = g.add(g.abs(x), 1);
  const unary = [
    g.neg(x),
    g.exp(x),
    g.erf(x),
    g.gelu(x),
    g.log(positive),
    g.sqrt(positive),
    g.relu(x),
    g.sigmoid(x),
    g.sign(x),
    g.tanh(x),
  ];
  const binary = [g.sub(x, 1), g.mul(x, x), g.div(x, positive), g.maximum(x, 0), g.minimum(x, 0), g.square(x)];
  const floats = (condition: Value) => g.cast(condition, 'float32');
  const compared = [g.equal(x, 1), g.greater(x, 1), g.greaterOrEqual(x, 1)].map(floats);
  const chosen = [g.select(g.greater(x, 0), x, 0), floats(g.argMax(x, 1)), g.oneHot(rows, 3)];
  const reduced = [
    g.sum(x, [0]),
    g.mean(x, [1]),
    g.standardize(x, [1], 0.1),
    g.max(x, [1]),
    g.softmax(x),
    g.logSoftmax(x),
  ];
  const losses = [g.softmaxCrossEntropy(x, x), g.binaryCrossEntropy(x, x)];
  const products = [
    g.matmul(x, w),
    g.matmul(x, w, { transposeB: true }),
    g.matmul(x, x, { transposeA: true }),
    g.matmul(images, images),
  ];
  const scaled = [g.add(g.mul(w, 0.5), g.matmul(g.mul(w, 0.25), w)), g.add(g.sum(x, [0]), g.sum(w, [0]))];
  const shaped = [g.reshape(x, [1, 'n', 4]), g.transpose(x, [1, 0]), g.expand(g.sum(x, [1], true), ['n', 4])];
  const cut = [g.slice(x, 1, 0, 2), g.pad(x, 1, 1, 1), g.concat([x, x], 1), floats(g.dim(x, 0)), g.gather(w, rows)];
  const pools = [g.maxPool2d(images, kernel), g.maxPool2d(images, overlapping), g.averagePool2d(images, kernel)];
  const convolved = [g.conv2d(images, filters, windows), g.conv2d(images, filters, { ...windows, strides: [1, 1] })];
  const apart = g.conv2d(images, g.slice(filters, 0, 0, 2), { ...windows, groups: 1, dilations: [2, 2] });
  const deep = g.conv2d(g.input('deep', 'float32', ['n', 32, 4, 4]), g.input('deeper', 'float32', [32, 32, 3, 3]), {
    strides: [1, 1],
    padding: [1, 1, 1, 1],
  });
  const inGroups = g.conv2d(images, g.slice(g.slice(filters, 0, 0, 2), 1, 0, 1), { ...windows, groups: 2 });
  const counted = g.loop(g.constant(3, 'int64'), [w], (body, step, [value]) => [
    body.add(value as Value, body.cast(step, 'float32')),
  ]);
  const scanned = g.loop(g.dim(x, 0), [g.sum(w, [0])], (body, step, [value]) => [
    body.add(value as Value, body.gather(x, step)),
  ]);
  const walked = g.scan([x], [g.sum(w, [0])], (body, [row], [value]) => {
    const next = body.add(value as Value, row as Value);
    return { carried: [next], collected: [next] };
  });
  const all = [
    unary,
    binary,
    compared,
    chosen,
    reduced,
    losses,
    products,
    scaled,
    shaped,
    cut,
    pools,
    convolved,
    [apart, inGroups, deep],
  ];
  return [...all.flat(), ...counted, ...scanned, ...walked.collected, ...g.split(x, -1, [1, 3]), x];
}

test('what can be emitted is what is listed, no more and no less', () => {
  const used: Used = new Map();
  const g = new Graph();
  const values = everything(g);
  for (const [index, value] of values.entries()) g.output(`y${index}`, value);
  const leaves = [...g.inputs.values()].filter(({ dtype }) => dtype === 'float32');
  for (const [index, value] of values.entries()) {
    // There is no gradient through loops, and none of what was chosen.
    if (value.node.primitive.name === 'loop' || value.dtype !== 'float32') continue;
    const found = gradients(value, leaves, g.input(`seed${index}`, 'float32', value.shape));
    for (const [leaf, gradient] of found.entries()) g.output(`d${index}.${leaf}`, gradient);
  }
  collect(lower(g), used);
  const optimized = lower(g);
  optimize(optimized, rules);
  collect(optimized, used);
  // The writer copies what is an input and an output.
  used.set('Identity', new Set());
  const listed = Object.entries(operatorAttributes).map(([op, attributes]) => [op, [...attributes]]);
  const emitted = [...used].map(([op, attributes]) => [op, [...attributes].sort()]);
  expect(Object.fromEntries(emitted)).toEqual(Object.fromEntries(listed));
});
