import fc from 'fast-check';
import { FedloomError } from '../../errors.js';
import type { Graph } from '../graph.js';
import type { Value } from '../value.js';
import type { Dim } from '../value-type.js';

/** One operation of a random graph: which, of which values before it, and a number that some need. */
export interface Instruction {
  readonly name: string;
  readonly first: number;
  readonly second: number;
  readonly number: number;
}

/** The inputs, float32; `n` is 2. */
export const INPUTS = {
  matrix: [2, 3],
  row: [3],
  samples: ['n', 3],
  images: [1, 2, 4, 4],
  filters: [2, 2, 2, 2],
} as const;
export const EXTENTS: Readonly<Record<string, number>> = { n: 2 };

type Build = (g: Graph, x: Value, y: Value, number: number, inputs: ReadonlyMap<string, Value>) => Value;

/** What an extent is in a run; symbols may be products. */
function extentOf(extent: Dim | undefined): number {
  return String(extent ?? 1)
    .split('*')
    .reduce((product, factor) => product * (EXTENTS[factor] ?? Number(factor)), 1);
}

const axisOf = ({ shape }: Value, number: number): number => number % Math.max(1, shape.length);
const all = ({ shape }: Value): number[] => shape.map((_, axis) => axis);

/** What broadcasts to `x`: `y`, or its mean. */
function fitted(g: Graph, x: Value, y: Value): Value {
  const offset = x.shape.length - y.shape.length;
  const fits = offset >= 0 && y.shape.every((extent, axis) => extent === 1 || extent === x.shape[axis + offset]);
  return fits ? y : g.mean(y, all(y));
}

const binary =
  (build: (g: Graph, x: Value, y: Value) => Value): Build =>
  (g, x, y, number) =>
    number % 2 === 0 ? build(g, x, fitted(g, x, y)) : build(g, fitted(g, x, y), x);

/** All of an input's elements stay of moderate size: differences of large numbers say little. */
export const OPERATIONS: Readonly<Record<string, Build>> = {
  add: binary((g, x, y) => g.add(x, y)),
  sub: binary((g, x, y) => g.sub(x, y)),
  mul: binary((g, x, y) => g.mul(g.mul(x, y), 0.5)),
  div: binary((g, x, y) => g.div(x, g.add(g.square(y), 1))),
  maximum: binary((g, x, y) => g.maximum(x, y)),
  minimum: binary((g, x, y) => g.minimum(x, y)),
  neg: (g, x) => g.neg(x),
  exp: (g, x) => g.exp(g.tanh(x)),
  erf: (g, x) => g.erf(x),
  log: (g, x) => g.log(g.add(g.square(x), 1)),
  sqrt: (g, x) => g.sqrt(g.add(g.square(x), 1)),
  abs: (g, x) => g.abs(x),
  relu: (g, x) => g.relu(x),
  sigmoid: (g, x) => g.sigmoid(x),
  tanh: (g, x) => g.tanh(x),
  gelu: (g, x) => g.gelu(x),
  select: (g, x, y) => g.select(g.greater(x, 0.1), x, fitted(g, x, y)),
  matmul: (g, x) => g.mul(g.matmul(x, x, { transposeB: true }), 0.3),
  matmulLeft: (g, x) => g.mul(g.matmul(x, x, { transposeA: true }), 0.3),
  matmulRow: (g, x, _y, _number, inputs) => g.matmul(x, inputOf(inputs, 'matrix'), { transposeB: true }),
  sum: (g, x, _y, number) => g.mul(g.sum(x, [axisOf(x, number)], number % 2 === 0), 0.5),
  mean: (g, x, _y, number) => g.mean(x, [axisOf(x, number)], number % 2 === 0),
  max: (g, x, _y, number) => g.max(x, [axisOf(x, number)], number % 2 === 0),
  standardize: (g, x, _y, number) => g.standardize(x, [axisOf(x, number)], 0.3),
  softmax: (g, x) => g.softmax(x),
  logSoftmax: (g, x) => g.logSoftmax(x),
  softmaxCrossEntropy: (g, x) => g.softmaxCrossEntropy(x, g.softmax(g.tanh(x))),
  binaryCrossEntropy: (g, x) => g.binaryCrossEntropy(x, g.sigmoid(x)),
  reshape: (g, x) => g.reshape(x, [...x.shape].reverse()),
  transpose: (g, x, _y, number) => {
    const axes = all(x);
    return g.transpose(x, [...axes.slice(number % axes.length), ...axes.slice(0, number % axes.length)]);
  },
  expand: (g, x) => g.expand(g.reshape(x, [1, ...x.shape]), [2, ...x.shape]),
  slice: (g, x, _y, number) => g.slice(x, axisOf(x, number), 0, Math.max(1, extentOf(x.shape[axisOf(x, number)]) - 1)),
  pad: (g, x, _y, number) => g.pad(x, axisOf(x, number), 1, number % 2),
  concat: (g, x, y, number) => g.concat([x, x.shape.join() === y.shape.join() ? y : g.tanh(x)], axisOf(x, number)),
  split: (g, x, _y, number) => {
    const axis = axisOf(x, number);
    const [first, second] = g.split(x, axis, [1, extentOf(x.shape[axis]) - 1]);
    return first === undefined || second === undefined ? x : g.mul(g.mean(second, [axis], true), first);
  },
  gather: (g, x, _y, number) => g.gather(x, g.constant([number % extentOf(x.shape[0]), 0, 0], 'int64')),
  conv2d: (g, x, _y, number, inputs) =>
    g.mul(
      g.conv2d(x, inputOf(inputs, 'filters'), { strides: [1 + (number % 2), 1], padding: [number % 2, 0, 1, 1] }),
      0.3,
    ),
  maxPool2d: (g, x) => g.maxPool2d(x, { kernel: [2, 2], strides: [1, 2] }),
  averagePool2d: (g, x) => g.averagePool2d(x, { kernel: [2, 2], strides: [2, 1] }),
  scan(g, x, y, number) {
    const outer = g.tanh(g.mean(y, all(y)));
    const start = g.mean(x, [0]);
    const { carried, collected } = g.scan(
      [x],
      [start],
      (body, [row = x], [state = start]) => {
        const next = body.tanh(body.add(body.mul(state, outer), row));
        return { carried: [next], collected: [body.mul(next, row)] };
      },
      { reverse: number % 2 === 1 },
    );
    return number % 3 === 0 ? (carried[0] ?? x) : (collected[0] ?? x);
  },
};

function inputOf(inputs: ReadonlyMap<string, Value>, name: keyof typeof INPUTS): Value {
  const found = inputs.get(name);
  if (found === undefined) throw new Error(`no input ${name}`);
  return found;
}

export const randomProgram: fc.Arbitrary<readonly Instruction[]> = fc.array(
  fc.record({
    name: fc.constantFrom(...Object.keys(OPERATIONS)),
    first: fc.nat(20),
    second: fc.nat(20),
    number: fc.nat(5),
  }),
  { minLength: 1, maxLength: 9 },
);

/** The last value of a program. Values are counted from the newest; an operation that does not take its values is left out. */
export function built(g: Graph, program: readonly Instruction[], inputs: ReadonlyMap<string, Value>): Value {
  const values = [...inputs.values()];
  const pick = (back: number): Value => values[values.length - 1 - (back % values.length)] ?? inputOf(inputs, 'matrix');
  for (const { name, first, second, number } of program) {
    try {
      const made = OPERATIONS[name]?.(g, pick(first), pick(second), number, inputs);
      const count = made?.shape.reduce<number>((product, extent) => product * extentOf(extent), 1) ?? 0;
      // Of few elements: each is interpreted many times.
      if (made !== undefined && count > 0 && count <= 200) values.push(made);
    } catch (error) {
      if (!(error instanceof FedloomError && error.code.startsWith('graph.'))) throw error;
    }
  }
  return pick(0);
}
