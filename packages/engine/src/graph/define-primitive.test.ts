import { describe, expect, test } from 'vitest';
import type { OnnxValue } from '../onnx/ir.js';
import { toOnnx } from '../onnx/serialize.js';
import { definePrimitive, type OnnxBuilder, type PrimitiveDefinition } from './define-primitive.js';
import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import { checkCases } from './testing/check-case.js';
import type { Value } from './value.js';

/** x / (1 + |x|) (Glorot and Bengio 2010). */
const definition: PrimitiveDefinition = {
  name: 'softsign',
  isElementwise: true,
  type([x], _, problem) {
    if (x?.dtype !== 'float32') throw problem('takes one float32', 'graph.dtype');
    return x;
  },
  reference: ([x]) => x?.data.map((value) => value / (1 + Math.abs(value))) ?? [],
  gradient: (g, { inputs: [x], gradient }) => [x && g.div(gradient, g.square(g.add(g.abs(x), 1)))],
  lower: (onnx, [x]) => onnx.emit('Div', [x, onnx.emit('Add', [onnx.emit('Abs', [x]), onnx.constant(1)])]),
};
const softsign = definePrimitive(definition);

/** The sum of the last axis, each element times a power of its place. */
const weighted = definePrimitive<{ readonly base: number }>({
  name: 'weighted',
  type: ([x]) => ({ dtype: 'float32', shape: x?.shape.slice(0, -1) ?? [] }),
  reference([x], { base }, shape) {
    const width = x?.shape.at(-1) ?? 1;
    const rows = shape.reduce((product, extent) => product * extent, 1);
    return Array.from({ length: rows }, (_, row) =>
      (x?.data.slice(row * width, (row + 1) * width) ?? new Float64Array()).reduce(
        (sum, one, at) => sum + one * base ** at,
        0,
      ),
    );
  },
  gradient(g, { inputs: [x], gradient, options: { base } }) {
    if (x === undefined) return [undefined];
    const width = Number(x.shape.at(-1));
    const powers = g.constant(
      Array.from({ length: width }, (_, at) => base ** at),
      'float32',
    );
    return [g.mul(g.reshape(gradient, [...x.shape.slice(0, -1), 1]), powers)];
  },
  lower(onnx, [x], { base }) {
    const width = Number(x?.shape.at(-1));
    const powers = onnx.constant(Array.from({ length: width }, (_, at) => base ** at));
    const type = { dtype: 'float32', shape: x?.shape ?? [] } as const;
    return onnx.emit('ReduceSum', [onnx.emit('Mul', [x, powers], {}, type), onnx.integers([-1])], { keepdims: 0 });
  },
});

const only = (values: Readonly<Record<string, Value>>): Value => {
  const [x] = Object.values(values);
  if (x === undefined) throw new Error('no input');
  return x;
};

checkCases('operations of one’s own', [
  { name: 'softsign', inputs: { x: { shape: [3, 4] } }, build: (g, values) => softsign(g, [only(values)]) },
  {
    name: 'softsign of any number of rows',
    inputs: { x: { shape: ['n', 4] } },
    extents: { n: 3 },
    build: (g, values) => softsign(g, [only(values)]),
  },
  {
    name: 'with options',
    inputs: { x: { shape: [2, 3, 4] } },
    build: (g, values) => weighted(g, [only(values)], { base: 0.5 }),
  },
  {
    name: 'in the steps of a scan, and through them',
    inputs: { x: { shape: [5, 2] }, start: { shape: [2] } },
    build: (g, { x, start }) => {
      if (x === undefined || start === undefined) throw new Error('no inputs');
      const { carried } = g.scan([x], [start], (body, [row], [state]) => {
        if (row === undefined || state === undefined) throw new Error('no rows');
        return { carried: [softsign(body, [body.add(state, softsign(body, [row]))])], collected: [] };
      });
      return carried[0] ?? x;
    },
  },
]);

describe('refuses, naming the primitive,', () => {
  const refused = (changes: object, build: (g: Graph, x: Value) => unknown = () => {}) => {
    const g = new Graph();
    const x = g.input('x', 'float32', ['n', 2]);
    const other = definePrimitive({ ...definition, ...changes });
    build(g, other(g, [x]));
    const y = other(g, [x]);
    g.output('y', y);
    g.output('d', gradients(g.sum(y, [0, 1]), [x])[0] ?? y);
    toOnnx(g);
  };
  const lower = (build: (onnx: OnnxBuilder, x: OnnxValue | undefined) => unknown) => ({
    lower: (onnx: OnnxBuilder, [x]: readonly OnnxValue[]) => build(onnx, x),
  });

  test.each<[string, object, RegExp]>([
    ['no name', { name: 'soft sign' }, /name is "soft sign"; it must be a word/],
    ['no reference', { reference: undefined }, /softsign: reference must be a function/],
    ['a type that is none', { type: () => ({ dtype: 'float32' }) }, /softsign: type must give \{ dtype, shape \}/],
    ['a name that no input has', { type: () => ({ dtype: 'float32', shape: ['m'] }) }, /softsign: type must give/],
    ['too few gradients', { gradient: () => [] }, /softsign: gradient must give a list of 1/],
    [
      'a gradient of another shape',
      { gradient: (g: Graph, { gradient }: { gradient: Value }) => [g.sum(gradient, [1])] },
      /softsign: gradient gave float32 \[n\] for input 1, which is float32 \[n, 2\]/,
    ],
    [
      'a lowering that gives nothing',
      lower(() => undefined),
      /softsign: lower gave nothing; it must give float32 \[n, 2\]/,
    ],
    [
      'an operator that plans may not hold',
      lower((onnx, x) => onnx.emit('Sin' as never, [x])),
      /the operator Sin, which plans may not hold/,
    ],
    ['a loop', lower((onnx, x) => onnx.emit('Loop' as never, [x])), /the operator Loop, which plans may not hold/],
    [
      'an attribute that plans may not hold',
      lower((onnx, x) => onnx.emit('Abs', [x], { axis: 1 })),
      /gives Abs the attribute axis/,
    ],
  ])('%s', (_, changes, message) => {
    expect(() => refused(changes)).toThrow(message);
    expect(() => refused(changes)).toThrow(expect.objectContaining({ code: 'primitive.definition' }));
  });

  test('inputs that its own type refuses, by the operation and the shapes', () => {
    const g = new Graph();
    const labels = g.input('labels', 'int32', [3]);
    expect(() => g.scope('model/act', () => softsign(g, [labels]))).toThrow(
      /in model\/act: softsign\(\) takes one float32 \(given int32 \[3\]\)/,
    );
  });
});
