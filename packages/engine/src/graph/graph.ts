import { FedloomError } from '../errors.js';
import type { DType, TensorData } from '../tensor.js';
import { makeTensor } from './constant-data.js';
import type { Conv2dOptions, Pool2dOptions } from './image-options.js';
import { averagePool2d } from './primitives/average-pool.js';
import { binaryCrossEntropy } from './primitives/binary-cross-entropy.js';
import { cast, equal, greater, greaterOrEqual, select } from './primitives/compare.js';
import { constant, dim, input, loop, stepsOf } from './primitives/control.js';
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from './primitives/conv.js';
import { add, div, maximum, minimum, mul, sub } from './primitives/elementwise.js';
import { gelu } from './primitives/gelu.js';
import { gather, oneHot, scatterAdd } from './primitives/indexing.js';
import { matmul } from './primitives/matmul.js';
import { maxPool2d, maxPool2dGradient } from './primitives/pool.js';
import { argMax, max, mean, sum } from './primitives/reduce.js';
import { scan } from './primitives/scan.js';
import { concat, expand, pad, reshape, slice, split, transpose } from './primitives/shape.js';
import { logSoftmax, softmax, softmaxCrossEntropy } from './primitives/softmax.js';
import { standardize } from './primitives/standardize.js';
import { abs, erf, exp, log, neg, relu, reluGradient, sigmoid, sign, sqrt, tanh } from './primitives/unary.js';
import { formatShape, rowsOf, sameShape } from './shapes.js';
import type { GraphBuilder, GraphNode, Operand, Primitive, SymbolSource, Value } from './value.js';
import type { Dim, ProblemFactory, ValueType } from './value-type.js';

/** What `Graph.loopCollecting` returns, and its body. */
export interface LoopResult {
  readonly carried: readonly Value[];
  readonly collected: readonly Value[];
}

interface Shared {
  nextId: number;
}

/**
 * A dataflow graph under construction. Every method checks types and shapes at once and throws `FedloomError`
 * `graph.shape` or `graph.dtype` that names the scope and the shapes. A loop body is a child graph: it may use values
 * of the graphs around it, never the other way round.
 */
export class Graph implements GraphBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #inputs = new Map<string, Value>();
  readonly #outputs = new Map<string, Value>();
  readonly #symbols = new Map<string, SymbolSource>();
  readonly #shared: Shared;
  #scope: string;

  constructor(readonly parent?: Graph) {
    this.#shared = parent === undefined ? { nextId: 0 } : parent.#shared;
    this.#scope = parent?.currentScope ?? '';
  }

  /** In order of creation, which is an order of evaluation. @internal */
  get nodes(): readonly GraphNode[] {
    return this.#nodes;
  }

  get inputs(): ReadonlyMap<string, Value> {
    return this.#inputs;
  }

  get outputs(): ReadonlyMap<string, Value> {
    return this.#outputs;
  }

  get currentScope(): string {
    return this.#scope;
  }

  /** Names the nodes that `build` makes, and errors in it: scopes nest as 'model/0.dense'. */
  scope<T>(name: string, build: () => T): T {
    const outer = this.#scope;
    this.#scope = outer === '' ? name : `${outer}/${name}`;
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  // Ends of the graph

  input(name: string, dtype: DType, shape: readonly Dim[]): Value {
    if (this.#inputs.has(name)) throw duplicate('input', name);
    const value = this.applyOne(input, [], { name, dtype, shape });
    this.#inputs.set(name, value);
    return value;
  }

  /** `shape` defaults to `[]` for a number and to one axis for a list. */
  constant(data: number | readonly number[] | TensorData, dtype: DType, shape?: readonly number[]): Value {
    return this.applyOne(constant, [], { tensor: makeTensor(data, dtype, shape) });
  }

  /** Outputs keep the order in which they are declared. */
  output(name: string, value: Value): void {
    if (this.#outputs.has(name)) throw duplicate('output', name);
    this.#checkReachable(value);
    this.#outputs.set(name, value);
  }

  // Elementwise, with numpy broadcasting

  add = this.#binary(add);
  sub = this.#binary(sub);
  mul = this.#binary(mul);
  div = this.#binary(div);
  /** At equal operands each gets half of the gradient, as in PyTorch. */
  maximum = this.#binary(maximum);
  minimum = this.#binary(minimum);
  /** Comparisons give `bool`. */
  equal = this.#binary(equal);
  greater = this.#binary(greater);
  greaterOrEqual = this.#binary(greaterOrEqual);

  neg = this.#unary(neg);
  exp = this.#unary(exp);
  erf = this.#unary(erf);
  log = this.#unary(log);
  sqrt = this.#unary(sqrt);
  abs = this.#unary(abs);
  relu = this.#unary(relu);
  sigmoid = this.#unary(sigmoid);
  /** x Phi(x), Phi the distribution function of the standard normal. */
  gelu = this.#unary(gelu);
  sign = this.#unary(sign);
  tanh = this.#unary(tanh);

  square(x: Value): Value {
    return this.mul(x, x);
  }

  /** `a` where `condition` (bool), else `b`; all three broadcast. */
  select(condition: Value, a: Operand, b: Operand): Value {
    const [left, right] = this.#operands(a, b);
    return this.applyOne(select, [condition, left, right], undefined);
  }

  /** To integers: truncated towards zero; to `bool`: not 0. Itself where nothing changes. */
  cast(x: Value, dtype: DType): Value {
    return x.dtype === dtype ? x : this.applyOne(cast, [x], { dtype });
  }

  // Products and reductions

  /**
   * Of matrices in the last two axes, `[..., rows, inner]` and `[..., inner, columns]`; the axes before them broadcast. All rows of `a` by
   * one matrix `b` are one large product.
   */
  matmul(a: Value, b: Value, options: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {}): Value {
    const { transposeA = false, transposeB = false } = options;
    if (a.shape.length > 2 && b.shape.length === 2 && !transposeA) {
      const rows = this.matmul(this.reshape(a, rowsOf(a.shape)), b, { transposeB });
      return this.reshape(rows, [...a.shape.slice(0, -1), ...rows.shape.slice(-1)]);
    }
    return this.applyOne(matmul, [a, b], { transposeA, transposeB });
  }

  sum(x: Value, axes: readonly number[], keepDims = false): Value {
    return axes.length === 0 ? x : this.applyOne(sum, [x], { axes, keepDims });
  }

  mean(x: Value, axes: readonly number[], keepDims = false): Value {
    return axes.length === 0 ? x : this.applyOne(mean, [x], { axes, keepDims });
  }

  /** (x - mean) / sqrt(mean of squares + epsilon), of what lies along these axes. */
  standardize(x: Value, axes: readonly number[], epsilon: number): Value {
    const places = axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
    return this.applyOne(standardize, [x], { axes: places, epsilon });
  }

  /** Equal maxima share the gradient, as in PyTorch's `amax`. */
  max(x: Value, axes: readonly number[], keepDims = false): Value {
    return axes.length === 0 ? x : this.applyOne(max, [x], { axes, keepDims });
  }

  /** int64; the first of equal maxima. The axis is dropped. */
  argMax(x: Value, axis: number): Value {
    return this.applyOne(argMax, [x], { axis });
  }

  /** Over the last axis. */
  softmax(x: Value): Value {
    return this.applyOne(softmax, [x], undefined);
  }

  /** Over the last axis. */
  logSoftmax(x: Value): Value {
    return this.applyOne(logSoftmax, [x], undefined);
  }

  /**
   * `-sum(target * logSoftmax(logits))` for each sample: both `[..., classes]`, float -> `[...]`. One primitive
   * because its gradient is `softmax - target`, which takes every row of `target` to sum to 1 (one-hot labels do);
   * a row of zeros (padding) has loss 0 and a gradient that the seed must mask.
   */
  softmaxCrossEntropy(logits: Value, target: Value): Value {
    return this.applyOne(softmaxCrossEntropy, [logits, target], undefined);
  }

  /**
   * `-target * log(s) - (1 - target) * log(1 - s)` with `s = sigmoid(logits)`, element by element: floats of one shape.
   * Finite for any logits.
   */
  binaryCrossEntropy(logits: Value, target: Value): Value {
    return this.applyOne(binaryCrossEntropy, [logits, target], undefined);
  }

  /** float32, a new last axis of extent `depth`; indices outside `[0, depth)` give zeros. */
  oneHot(indices: Value, depth: number): Value {
    return this.applyOne(oneHot, [indices], { depth });
  }

  // Shapes

  /** At most one symbol in `shape` may be new. Itself where nothing changes. */
  reshape(x: Value, shape: readonly Dim[]): Value {
    if (shape.filter((extent) => typeof extent === 'string').length > 1) this.#checkSymbols('reshape', x, shape);
    return sameShape(x.shape, shape) ? x : this.applyOne(reshape, [x], { shape });
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.applyOne(transpose, [x], { perm });
  }

  /** Broadcasts to `shape`; a symbol that `x` lacks must occur in some value made before. */
  expand(x: Value, shape: readonly Dim[]): Value {
    this.#checkSymbols('expand', x, shape);
    return sameShape(x.shape, shape) ? x : this.applyOne(expand, [x], { shape });
  }

  /** Rows of `x` (axis 0) at int32 or int64 `indices` of any shape; -1 is the last row, and so on. */
  gather(x: Value, indices: Value): Value {
    return this.applyOne(gather, [x, indices], undefined);
  }

  /** Adds `updates` `[...indices.shape, ...row]` into rows of zeros `[rows, ...row]`: the adjoint of `gather`. */
  scatterAdd(updates: Value, indices: Value, rows: Dim): Value {
    this.#checkSymbols('scatterAdd', updates, [rows]);
    return this.applyOne(scatterAdd, [updates, indices], { rows });
  }

  /** `start <= i < end` along `axis`; negative bounds count from the end. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    return this.applyOne(slice, [x], { axis, start, end });
  }

  /** Zeros before and after along `axis`. */
  pad(x: Value, axis: number, before: number, after: number): Value {
    return before === 0 && after === 0 ? x : this.applyOne(pad, [x], { axis, before, after });
  }

  concat(values: readonly Value[], axis: number): Value {
    const [first] = values;
    return values.length === 1 && first !== undefined ? first : this.applyOne(concat, values, { axis });
  }

  /** Parts with the extents `sizes`, one behind the other along `axis`: what `concat` makes whole again. */
  split(x: Value, axis: number, sizes: readonly number[]): readonly Value[] {
    return sizes.length === 1 && sizes[0] === x.shape.at(axis) ? [x] : this.apply(split, [x], { axis, sizes });
  }

  /** The extent as int64 `[]`. */
  dim(x: Value, axis: number): Value {
    return this.applyOne(dim, [x], { axis });
  }

  // Images

  /** `x [N, C, H, W]`, `w [O, C, kH, kW]` -> `[N, O, oH, oW]`, cross-correlation as in PyTorch; padding top, left, bottom, right. */
  conv2d(x: Value, w: Value, options: Conv2dOptions): Value {
    return this.applyOne(conv2d, [x, w], options);
  }

  /** The gradient of `conv2d` by its input: `gradient [N, O, oH, oW]`, `w` -> `[N, C, ...inputSize]`. */
  conv2dInputGradient(gradient: Value, w: Value, options: Conv2dOptions, inputSize: readonly [number, number]): Value {
    return this.applyOne(conv2dInputGradient, [gradient, w], { ...options, inputSize });
  }

  /** The gradient of `conv2d` by its weights: `x`, `gradient [N, O, oH, oW]` -> `[O, C, ...kernel]`. */
  conv2dWeightGradient(x: Value, gradient: Value, options: Conv2dOptions, kernel: readonly [number, number]): Value {
    return this.applyOne(conv2dWeightGradient, [x, gradient], { ...options, kernel });
  }

  /**
   * Windows that do not fit whole are left out, as in PyTorch. The gradient goes to the first of equal maxima.
   * A bias or relu before the pool is applied after it, to fewer elements: both are monotone, so that the values are the
   * same to the bit.
   */
  maxPool2d(x: Value, options: Pool2dOptions): Value {
    const { primitive, inputs } = x.node;
    const [first, second] = inputs;
    if (primitive === relu) return this.relu(this.maxPool2d(first!, options));
    const alongChannels = second?.shape.slice(-2).every((extent) => extent === 1) && sameShape(first!.shape, x.shape);
    if (primitive === add && alongChannels) return this.add(this.maxPool2d(first!, options), second!);
    return this.apply(maxPool2d, [x], options)[0]!;
  }

  /** The mean of each window; windows that do not fit whole are left out. */
  averagePool2d(x: Value, options: Pool2dOptions): Value {
    return this.applyOne(averagePool2d, [x], options);
  }

  /** `gradient` of the pooled values, the `indices` that `maxPool2d` found -> gradient of its input `[N, C, ...inputSize]`. */
  maxPool2dGradient(
    gradient: Value,
    indices: Value,
    options: Pool2dOptions,
    inputSize: readonly [number, number],
  ): Value {
    return this.applyOne(maxPool2dGradient, [gradient, indices], { ...options, inputSize });
  }

  /** `gradient` where `y = relu(x)` is positive, else 0. */
  reluGradient(gradient: Value, y: Value): Value {
    return this.applyOne(reluGradient, [gradient, y], undefined);
  }

  // Loops

  /**
   * Runs `body` `count` (int64 `[]`) times; each carried value keeps its type. Where `step` only takes rows of outer
   * values, ONNX Runtime needs a count of at least 1.
   */
  loop(
    count: Value,
    carried: readonly Value[],
    body: (g: Graph, step: Value, carried: readonly Value[]) => readonly Value[],
  ): Value[] {
    const results = this.loopCollecting(count, carried, (g, step, values) => ({
      carried: body(g, step, values),
      collected: [],
    }));
    return [...results.carried];
  }

  /** A loop whose body also gives values that are collected over the steps along a new first axis. */
  loopCollecting(
    count: Value,
    carried: readonly Value[],
    build: (g: Graph, step: Value, carried: readonly Value[]) => LoopResult,
  ): LoopResult {
    const body = new Graph(this);
    const step = body.input('step', 'int64', []);
    const inputs = carried.map((value, index) => body.input(`carried${index}`, value.dtype, value.shape));
    const results = build(body, step, inputs);
    for (const value of [...results.carried, ...results.collected]) body.#checkReachable(value);
    const outputs = this.apply(loop, [count, ...carried], { body, step, inputs, ...results, steps: stepsOf(count) });
    return { carried: outputs.slice(0, carried.length), collected: outputs.slice(carried.length) };
  }

  /**
   * Goes along the first axis of `rows`, all of the same extent: `build` gets one row of each (without that axis) and the carried values,
   * which keep their types, and gives the next carried values and what is collected along a new first axis. `reverse` goes from the
   * last row to the first; what is collected stands at the place of its row. Gradients go through a scan, to rows, initial values
   * and to the outer values that its body uses.
   */
  scan(
    rows: readonly Value[],
    carried: readonly Value[],
    build: (g: Graph, rows: readonly Value[], carried: readonly Value[]) => LoopResult,
    options: { readonly reverse?: boolean } = {},
  ): LoopResult {
    const body = new Graph(this);
    const carriedIn = carried.map(({ dtype, shape }, index) => body.input(`carried${index}`, dtype, shape));
    const rowsIn = rows.map(({ dtype, shape }, index) => body.input(`row${index}`, dtype, shape.slice(1)));
    const results = build(body, rowsIn, carriedIn);
    for (const value of [...results.carried, ...results.collected]) body.#checkReachable(value);
    const outputs = this.apply(scan, [...carried, ...rows, ...capturedBy(body, results)], {
      body,
      carriedIn,
      rowsIn,
      carried: results.carried,
      collected: [...results.collected],
      reverse: options.reverse ?? false,
    });
    return {
      carried: outputs.slice(0, carried.length),
      collected: outputs.slice(carried.length, carried.length + results.collected.length),
    };
  }

  // For primitives and passes

  /** A new body within this graph. @internal */
  inner(): Graph {
    return new Graph(this);
  }

  /** One more output of a node of this graph. @internal */
  addOutput(node: GraphNode, { dtype, shape }: ValueType): Value {
    const value: Value = { graph: this, id: this.#shared.nextId++, dtype, shape, node };
    (node.outputs as Value[]).push(value);
    return value;
  }

  /** Adds a node. Everything above is this with a primitive filled in. @internal */
  apply<A>(primitive: Primitive<A>, inputs: readonly Value[], attributes: A): readonly Value[] {
    for (const [index, value] of inputs.entries()) {
      if (value?.node === undefined) throw noValue(primitive.name, this.#scope, index, value);
      this.#checkReachable(value);
    }
    const problem = problemFactory(primitive.name, this.#scope, inputs);
    const types = primitive.inferShape(inputs, attributes, problem);
    const outputs: Value[] = [];
    const node: GraphNode = { graph: this, primitive, attributes, inputs, outputs, scope: this.#scope };
    for (const { dtype, shape } of types) {
      const value: Value = { graph: this, id: this.#shared.nextId++, dtype, shape, node };
      outputs.push(value);
      this.#rememberSymbols(value);
    }
    this.#nodes.push(node);
    return outputs;
  }

  /** @internal */
  applyOne<A>(primitive: Primitive<A>, inputs: readonly Value[], attributes: A): Value {
    return this.apply(primitive, inputs, attributes)[0]!;
  }

  /** The first value of this graph, or of one around it (the outermost that will do), with the symbol among its extents. @internal */
  symbolSource(symbol: string, willDo: (value: Value) => boolean = () => true): SymbolSource | undefined {
    const own = this.#symbols.get(symbol);
    return this.parent?.symbolSource(symbol, willDo) ?? (own !== undefined && willDo(own.value) ? own : undefined);
  }

  /** True where this graph's nodes may use values of `other`. */
  sees(other: GraphBuilder): boolean {
    return other === this || (this.parent?.sees(other) ?? false);
  }

  #binary(primitive: Primitive<undefined>): (a: Operand, b: Operand) => Value {
    return (a, b) => this.applyOne(primitive, this.#operands(a, b), undefined);
  }

  #unary(primitive: Primitive<undefined>): (x: Value) => Value {
    return (x) => this.applyOne(primitive, [x], undefined);
  }

  #operands(a: Operand, b: Operand): [Value, Value] {
    if (typeof a !== 'number') return [a, typeof b === 'number' ? this.constant(b, a.dtype) : b];
    if (typeof b === 'number') {
      const message = 'both operands are numbers: make one of them a constant() to give it a dtype';
      throw new FedloomError('graph.dtype', message, { operands: [a, b] });
    }
    return [this.constant(a, b.dtype), b];
  }

  #checkReachable(value: Value): void {
    if (this.sees(value.graph)) return;
    const message = `a value of another graph is used in ${this.#scope || 'the graph'}: a loop's inner values leave it as results only, and inside a loop's body the body's own graph must build`;
    throw new FedloomError('graph.scope', message, { scope: this.#scope, shape: value.shape });
  }

  #checkSymbols(name: string, x: Value, shape: readonly Dim[]): void {
    for (const extent of shape) {
      if (typeof extent === 'number' || this.symbolSource(extent) !== undefined) continue;
      const what = `has the extent '${extent}' in ${formatShape(shape)}, which no value made so far has`;
      throw problemFactory(name, this.#scope, [x])(what);
    }
  }

  #rememberSymbols(value: Value): void {
    for (const [axis, extent] of value.shape.entries()) {
      if (typeof extent === 'string' && !this.#symbols.has(extent)) this.#symbols.set(extent, { value, axis });
    }
  }
}

/** The values from outside that a body uses. */
function capturedBy(body: Graph, { carried, collected }: LoopResult): Value[] {
  const used = [...body.nodes.flatMap(({ inputs }) => inputs), ...carried, ...collected];
  return [...new Set(used.filter(({ graph }) => graph !== body))];
}

function duplicate(what: string, name: string): FedloomError {
  return new FedloomError('graph.name', `the graph has an ${what} '${name}' already: names must be unique`, { name });
}

function noValue(operation: string, scope: string, index: number, given: unknown): FedloomError {
  const where = scope === '' ? '' : `in ${scope}: `;
  const what = given === undefined ? 'undefined' : `a ${typeof given}`;
  const message = `${where}operand ${index + 1} of ${operation} is ${what}; it must be a value of the graph`;
  return new FedloomError('graph.value', message, { scope, operation });
}

/** Errors that name the layer (scope), the operation and the shapes of all operands. */
function problemFactory(name: string, scope: string, inputs: readonly ValueType[]): ProblemFactory {
  return (what, code = 'graph.shape') => {
    const where = scope === '' ? '' : `in ${scope}: `;
    const operands = inputs.map(({ dtype, shape }) => `${dtype} ${formatShape(shape)}`).join(' and ');
    const message = `${where}${name} ${what}${operands === '' ? '' : ` (given ${operands})`}`;
    return new FedloomError(code, message, { scope, operation: name, shapes: inputs.map(({ shape }) => shape) });
  };
}
