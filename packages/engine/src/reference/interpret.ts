import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { formatShape } from '../graph/shapes.js';
import type { GraphBuilder, GraphNode, Value } from '../graph/value.js';
import { type Dim, isFloat } from '../graph/value-type.js';
import { allocate, type Tensor } from '../tensor.js';
import { type Dense, dense } from './dense.js';
import { halfToNumber } from './half.js';

/**
 * Runs a graph in plain TypeScript: the reference that ONNX Runtime and the gradient rules are tested against. Every
 * float is computed in float64, whatever its declared dtype, and float outputs are float64 tensors; others keep theirs.
 * Slow by design.
 * @throws FedloomError `graph.feed` for an input that is missing or does not fit its declaration.
 */
export function interpret(graph: Graph, feeds: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const run = new Run(graph, undefined);
  for (const [name, value] of graph.inputs) {
    const feed = feeds.get(name);
    if (feed !== undefined) run.set(value, fromTensor(name, value, feed));
  }
  return new Map([...graph.outputs].map(([name, value]) => [name, toTensor(value, run.valueOf(value))]));
}

/** What a value is that follows from constants alone. */
export function interpretConstant(value: Value): Tensor {
  return toTensor(value, new Run(value.graph, undefined).valueOf(value));
}

/** The values of one graph, or of one pass through a loop's body. */
class Run {
  readonly #values = new Map<Value, Dense>();
  readonly #symbols = new Map<string, number>();

  constructor(
    readonly graph: GraphBuilder,
    readonly outer: Run | undefined,
  ) {}

  set(value: Value, result: Dense): void {
    this.#values.set(value, result);
    if (result.shape.length !== value.shape.length) throw misfit(value, result);
    for (const [axis, dim] of value.shape.entries()) {
      const actual = result.shape[axis]!;
      const expected = typeof dim === 'number' ? dim : this.#extent(dim);
      if (expected !== undefined && expected !== actual) throw misfit(value, result);
      if (typeof dim === 'string') this.#symbols.set(dim, actual);
    }
  }

  /** Evaluates on demand; a loop's body asks the runs around it for values of theirs. */
  valueOf(value: Value): Dense {
    if (value.graph !== this.graph) return this.outer!.valueOf(value);
    if (!this.#values.has(value)) {
      // In order of creation, so that deep graphs need no deep stack.
      const pending = new Set<GraphNode>([value.node]);
      for (const node of pending) {
        for (const input of node.inputs) {
          if (input.graph === this.graph && !this.#values.has(input)) pending.add(input.node);
        }
      }
      for (const node of [...pending].sort((a, b) => a.outputs[0]!.id - b.outputs[0]!.id)) this.#evaluate(node);
    }
    return this.#values.get(value)!;
  }

  #evaluate(node: GraphNode): void {
    const inputs = node.inputs.map((input) => this.valueOf(input));
    const results = node.primitive.evaluate(inputs, node.attributes, {
      outputs: node.outputs,
      extent: (dim) => this.#extentOrFail(dim),
      runBody: (body, feeds, wanted) => {
        const inner = new Run(body, this);
        for (const [value, feed] of feeds) inner.set(value, feed);
        return wanted.map((value) => inner.valueOf(value));
      },
    });
    for (const [index, value] of node.outputs.entries()) this.set(value, results[index]!);
  }

  #extent(symbol: string): number | undefined {
    const own = this.#symbols.get(symbol);
    return own ?? (this.outer === undefined ? undefined : this.outer.#extent(symbol));
  }

  #extentOrFail(dim: Dim): number {
    if (typeof dim === 'number') return dim;
    const extent = this.#extent(dim);
    if (extent === undefined) throw new Error(`nothing evaluated so far has the extent '${dim}'`);
    return extent;
  }
}

function misfit(value: Value, result: Dense): FedloomError {
  const { name } = value.node.primitive;
  const message = `${name} gave a value of shape ${formatShape(result.shape)} where ${formatShape(value.shape)} is declared`;
  return new FedloomError('graph.feed', message, { name });
}

function fromTensor(name: string, value: Value, tensor: Tensor): Dense {
  // Finite differences feed float64 to inputs of any float type.
  if (tensor.dtype !== value.dtype && !(isFloat(tensor.dtype) && isFloat(value.dtype))) {
    throw new FedloomError('graph.feed', `input '${name}' is ${value.dtype}, but was given ${tensor.dtype}`, { name });
  }
  const convert = tensor.dtype === 'float16' ? (bits: number | bigint) => halfToNumber(Number(bits)) : Number;
  return dense(tensor.shape, Float64Array.from(tensor.data as ArrayLike<number | bigint>, convert));
}

function toTensor({ dtype }: Value, { shape, data }: Dense): Tensor {
  if (isFloat(dtype)) return { dtype: 'float64', shape, data };
  const array = allocate(dtype, data.length);
  if (array instanceof BigInt64Array) array.set(Array.from(data, (element) => BigInt(element)));
  else array.set(data);
  return { dtype, shape, data: array };
}
