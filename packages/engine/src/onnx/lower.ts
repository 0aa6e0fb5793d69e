import { ancestors } from '../graph/gradients.js';
import type { Graph } from '../graph/graph.js';
import { input } from '../graph/primitives/control.js';
import { gather } from '../graph/primitives/indexing.js';
import type { GraphBuilder, GraphNode, LoopAttributes, LowerContext, ScanAttributes, Value } from '../graph/value.js';
import type { Dim, ValueType } from '../graph/value-type.js';
import type { Tensor } from '../tensor.js';
import { Constants } from './constants.js';
import type { Attributes, OnnxGraph, OnnxNode, OnnxValue } from './ir.js';

/** A graph as ONNX nodes, one group of nodes a primitive: plain, not yet optimised. */
export function lower(graph: Graph): OnnxGraph {
  return new Lowering().main(graph);
}

const none: Attributes = {};

class Lowering {
  readonly #constants = new Constants();
  readonly #values = new Map<Value, OnnxValue>();

  main(graph: Graph): OnnxGraph {
    const inputs = [...graph.inputs].map(([name, value]) => this.#define(value, name));
    const nodes = this.#nodesOf(graph);
    return { inputs, nodes, outputs: [...graph.outputs.values()].map((value) => this.#known(value)) };
  }

  #nodesOf(graph: GraphBuilder, all: readonly GraphNode[] = graph.nodes): OnnxNode[] {
    const nodes: OnnxNode[] = [];
    for (const node of all) {
      if (node.primitive === input || this.#values.has(node.outputs[0]!)) continue;
      const context = this.#context(graph, node, nodes);
      const inputs = node.inputs.map((value) => this.#known(value));
      const results = node.primitive.lower(inputs, node.attributes, context);
      for (const [index, value] of node.outputs.entries()) this.#values.set(value, results[index]!);
    }
    return nodes;
  }

  #context(graph: GraphBuilder, { outputs, scope }: GraphNode, nodes: OnnxNode[]): LowerContext {
    const emitMany: LowerContext['emitMany'] = (op, inputs, attributes, types) =>
      append(nodes, { op, inputs, attributes, scope }, types);
    const integers = (values: readonly number[]) => this.#constants.integers(values);
    return {
      outputs,
      emitMany,
      emit: (op, inputs, attributes, type) => emitMany(op, inputs, attributes, [type])[0]!,
      constant: (tensor: Tensor) => this.#constants.get(tensor),
      integers,
      shape: (dims) => this.#shape(graph, dims, emitMany),
      lowerLoop: (loop, inputs) => this.#loop(graph, scope, nodes, loop, inputs, outputs),
      lowerScan: (scan, inputs) => this.#scan(scope, nodes, scan, inputs, outputs),
    };
  }

  /** An int64 vector of the extents: runs of numbers as constants, each symbol read from a value that has it. */
  #shape(graph: GraphBuilder, dims: readonly Dim[], emitMany: LowerContext['emitMany']): OnnxValue {
    if (dims.every((dim) => typeof dim === 'number')) return this.#constants.integers(dims as number[]);
    const parts = dims.map((dim) => {
      if (typeof dim === 'number') return this.#constants.integers([dim]);
      const source = graph.symbolSource(dim, (value) => this.#values.has(value));
      if (source === undefined) throw new Error(`no value has the extent '${dim}'`);
      const range = { start: source.axis, end: source.axis + 1 };
      return emitMany('Shape', [this.#known(source.value)], range, [{ dtype: 'int64', shape: [1] }])[0]!;
    });
    const [only] = parts;
    if (parts.length === 1) return only!;
    return emitMany('Concat', parts, { axis: 0 }, [{ dtype: 'int64', shape: [parts.length] }])[0]!;
  }

  /** A Scan where the step serves only to take rows of values with one row a step: it starts faster than a Loop. */
  #loop(
    graph: GraphBuilder,
    scope: string,
    nodes: OnnxNode[],
    { body, step, inputs, carried, collected, steps }: LoopAttributes,
    [count, ...initial]: readonly OnnxValue[],
    types: readonly ValueType[],
  ): readonly OnnxValue[] {
    const rows = rowsTaken(graph, body, step, steps, [...carried, ...collected]);
    const carriedIn = inputs.map((value) => this.#define(value));
    const finish = (before: readonly OnnxValue[], bodyNodes: OnnxNode[], after: readonly OnnxValue[]): OnnxGraph => ({
      inputs: before,
      nodes: bodyNodes,
      outputs: [...after, ...[...carried, ...collected].map((value) => this.#known(value))],
    });
    if (rows !== undefined) {
      const rowsIn = rows.map((node) => this.#define(node.outputs[0]!));
      const scanBody = finish([...carriedIn, ...rowsIn], this.#nodesOf(body), []);
      const scanned = rows.map((node) => this.#known(node.inputs[0]!));
      const attributes = { num_scan_inputs: rows.length };
      return append(nodes, { op: 'Scan', inputs: [...initial, ...scanned], attributes, scope, body: scanBody }, types);
    }
    const goOn = newValue({ dtype: 'bool', shape: [] });
    const loopBody = finish([this.#define(step), goOn, ...carriedIn], this.#nodesOf(body), [goOn]);
    const operands = [count, undefined, ...initial];
    return append(nodes, { op: 'Loop', inputs: operands, attributes: none, scope, body: loopBody }, types);
  }

  #scan(
    scope: string,
    nodes: OnnxNode[],
    { body, carriedIn, rowsIn, carried, collected, reverse }: ScanAttributes,
    inputs: readonly OnnxValue[],
    types: readonly ValueType[],
  ): readonly OnnxValue[] {
    const before = [...carriedIn, ...rowsIn].map((value) => this.#define(value));
    // A gradient's body has nodes that nothing came of, and that use rows which nobody collects.
    const needed = ancestors([...carried, ...collected]).filter((node) => node.graph === body);
    const bodyNodes = this.#nodesOf(body, needed);
    const outputs = [...carried, ...collected].map((value) => this.#known(value));
    const back = (count: number): number[] => new Array<number>(count).fill(1);
    const attributes = {
      num_scan_inputs: rowsIn.length,
      ...(reverse && { scan_input_directions: back(rowsIn.length) }),
      ...(reverse && collected.length > 0 && { scan_output_directions: back(collected.length) }),
    };
    const scanBody = { inputs: before, nodes: bodyNodes, outputs };
    // What the body uses from outside it sees without being handed it.
    const operands = inputs.slice(0, before.length);
    return append(nodes, { op: 'Scan', inputs: operands, attributes, scope, body: scanBody }, types);
  }

  #define(value: Value, name?: string): OnnxValue {
    const defined = newValue(value, name);
    this.#values.set(value, defined);
    return defined;
  }

  #known(value: Value): OnnxValue {
    const known = this.#values.get(value);
    if (known === undefined)
      throw new Error(`${value.node.primitive.name} in '${value.node.scope}' was not lowered before its use`);
    return known;
  }
}

function newValue({ dtype, shape }: ValueType, name?: string): OnnxValue {
  return { dtype, shape, producer: undefined, ...(name === undefined ? {} : { name }) };
}

/** Makes a node and its outputs, and adds it to the list. */
export function append(
  nodes: OnnxNode[],
  parts: Omit<OnnxNode, 'outputs'>,
  types: readonly ValueType[],
): readonly OnnxValue[] {
  const outputs = types.map((type) => newValue(type));
  const node: OnnxNode = { ...parts, outputs };
  for (const output of outputs) output.producer = node;
  nodes.push(node);
  return outputs;
}

/** The gathers of one row a step from outer values, if the step is used for nothing else. */
function rowsTaken(
  graph: GraphBuilder,
  body: GraphBuilder,
  step: Value,
  steps: Dim,
  results: readonly Value[],
): readonly GraphNode[] | undefined {
  const users = usersOf(body, step);
  const onlyRows = users.every(
    ({ primitive, inputs: [from, index], graph: user }) =>
      user === body && primitive === gather && index === step && graph.sees(from!.graph) && from!.shape[0] === steps,
  );
  return users.length > 0 && onlyRows && !results.includes(step) ? users : undefined;
}

function usersOf(graph: GraphBuilder, value: Value): GraphNode[] {
  return graph.nodes.flatMap((node) => {
    const inner = (node.attributes as Partial<LoopAttributes> | undefined)?.body;
    return [...(node.inputs.includes(value) ? [node] : []), ...(inner === undefined ? [] : usersOf(inner, value))];
  });
}
