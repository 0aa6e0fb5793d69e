import { formatShape, sameShape } from '../graph/shapes.js';
import { bytesPerElement, type DType, elementCount } from '../tensor.js';
import { shapeRules } from './operator-shapes.js';
import type { OnnxGraphFile, OnnxInfo, OnnxNodeFile } from './read-onnx.js';
import { nodeText, type ShapedValue } from './shaped-values.js';

/** What a run of a graph takes. */
export interface GraphMemory {
  /** The most that tensors take at one time, beside the inputs: constants, and what nodes made and others still need. */
  readonly bytes: number;
  /** When that is, and the largest tensor that is made then, in words. */
  readonly peak: string;
  /** How often a node runs, over all turns of loops. */
  readonly nodeRuns: number;
  /** What comes out, by name. */
  readonly outputs: ReadonlyMap<string, ShapedValue>;
}

/** One scope while it is gone through. */
interface Scope {
  readonly values: Map<string, ShapedValue>;
  readonly outer: Scope | undefined;
}

interface Walked {
  readonly bytes: number;
  readonly peak: string;
  readonly nodeRuns: number;
  readonly outputs: readonly ShapedValue[];
}

/**
 * Goes through a graph with the extents of a run, node by node, as ONNX Runtime would: what a node made is let go after its last
 * use. Every shape follows from the inputs' alone, or the graph is refused; so is a loop that changes the size of what it carries.
 *
 * @param extents what the symbols of its inputs stand for
 * @throws RangeError that says which node is wrong
 */
export function graphMemory(graph: OnnxGraphFile, extents: Readonly<Record<string, number>>): GraphMemory {
  const inputs = graph.inputs.map((info) => concrete(info, extents));
  const scope: Scope = { values: new Map(), outer: undefined };
  // They are the caller's, and counted with nobody.
  for (const [index, { name }] of graph.inputs.entries()) define(scope, name, at(inputs, index));
  const { outputs, ...walked } = walk({ ...graph, inputs: [] }, [], scope);
  return { ...walked, outputs: new Map(graph.outputs.map(({ name }, index) => [name, at(outputs, index)])) };
}

function concrete({ name, dtype, shape }: OnnxInfo, extents: Readonly<Record<string, number>>): ShapedValue {
  const numbers = shape.map((extent) => (typeof extent === 'number' ? extent : extents[extent]));
  if (numbers.every((extent) => extent !== undefined)) return { dtype, shape: numbers };
  throw new RangeError(`its input ${name} has the shape ${formatShape(shape)}, and not all of that is known`);
}

function walk(graph: OnnxGraphFile, inputs: readonly ShapedValue[], outer: Scope | undefined): Walked {
  const scope: Scope = { values: new Map(), outer };
  for (const [index, { name }] of graph.inputs.entries()) define(scope, name, at(inputs, index));
  for (const { name, ...constant } of graph.constants) define(scope, name, constant);
  let live = [...scope.values.values()].reduce((sum, value) => sum + bytesOf(value), 0);
  let [bytes, peak, nodeRuns] = [live, '', 0];
  const lastUses = lastUsesOf(graph);
  for (const [index, node] of graph.nodes.entries()) {
    const made = run(node, scope);
    const own = made.outputs.reduce((sum, value) => sum + bytesOf(value), 0);
    const during = live + own + made.inner.bytes;
    if (during > bytes) [bytes, peak] = [during, made.inner.peak || peakText(node, made.outputs)];
    nodeRuns += 1 + made.inner.nodeRuns;
    live += own;
    for (const [place, name] of node.outputs.entries()) {
      const value = made.outputs[place];
      if (value === undefined) throw new RangeError(`${nodeText(node)} has more outputs than it can make`);
      if (name !== '') define(scope, name, value);
    }
    for (const name of lastUses.get(index) ?? []) {
      const value = scope.values.get(name);
      if (value !== undefined) live -= bytesOf(value);
    }
  }
  return { bytes, peak, nodeRuns, outputs: graph.outputs.map(({ name }) => find(scope, name)) };
}

interface Run {
  readonly outputs: readonly ShapedValue[];
  /** Beside the outputs, while it runs. */
  readonly inner: { readonly bytes: number; readonly peak: string; readonly nodeRuns: number };
}

function run(node: OnnxNodeFile, scope: Scope): Run {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : find(scope, name)));
  const { op } = node;
  if (op === 'Loop' || op === 'Scan') return loop(node, inputs, scope);
  const { outputs, scratch = 0 } = shapeRules[op]({ node, inputs });
  const inner = { bytes: scratch * bytesPerElement[at(outputs, 0).dtype], peak: '', nodeRuns: 0 };
  // What nobody asked for is made all the same.
  return { outputs, inner };
}

/** A Loop takes its count, a condition and what it carries; a Scan what it carries, and tensors with a row a turn. */
function loop(node: OnnxNodeFile, inputs: readonly (ShapedValue | undefined)[], scope: Scope): Run {
  const { body } = node;
  if (body === undefined) throw new RangeError(`${nodeText(node)} has no body`);
  const isLoop = node.op === 'Loop';
  const scanned = isLoop ? 0 : (node.integers.get('num_scan_inputs') ?? 0);
  const given = inputs.slice(isLoop ? 2 : 0).map((value) => present(node, value));
  const carried = given.slice(0, given.length - scanned);
  const rows = given.slice(given.length - scanned);
  const turns = isLoop ? inputs[0]?.integers?.[0] : rows[0]?.shape[0];
  if (turns === undefined || scanned < 0 || scanned > given.length || !(turns >= 0)) {
    throw new RangeError(`how often ${nodeText(node)} turns follows from its data`);
  }
  if (isLoop && inputs[1] !== undefined) throw new RangeError(`${nodeText(node)} ends by a condition`);
  if (rows.some(({ shape }) => shape[0] !== turns)) throw new RangeError(`${nodeText(node)} scans unlike lengths`);
  const counters: readonly ShapedValue[] = isLoop
    ? [
        { dtype: 'int64', shape: [] },
        { dtype: 'bool', shape: [] },
      ]
    : [];
  const taken = rows.map(({ dtype, shape }): ShapedValue => ({ dtype, shape: shape.slice(1) }));
  const bare = carried.map(({ dtype, shape }): ShapedValue => ({ dtype, shape }));
  const turn = [...counters, ...bare, ...taken];
  if (turn.length !== body.inputs.length) throw new RangeError(`${nodeText(node)} and its body disagree about inputs`);
  const walked = walk(body, turn, scope);
  const results = walked.outputs.slice(isLoop ? 1 : 0);
  for (const [index, before] of bare.entries()) {
    const after = results[index];
    if (after === undefined || after.dtype !== before.dtype || !sameShape(after.shape, before.shape)) {
      throw new RangeError(`${nodeText(node)} changes the size or type of what it carries`);
    }
  }
  const collected = results
    .slice(bare.length)
    .map(({ dtype, shape }): ShapedValue => ({ dtype, shape: [turns, ...shape] }));
  // A Loop holds the turns' tensors until it joins them.
  const held = isLoop ? collected.reduce((sum, value) => sum + bytesOf(value), 0) : 0;
  return {
    outputs: [...bare, ...collected],
    inner: { bytes: walked.bytes + held, peak: walked.peak, nodeRuns: turns * walked.nodeRuns },
  };
}

function present(node: OnnxNodeFile, value: ShapedValue | undefined): ShapedValue {
  if (value === undefined) throw new RangeError(`${nodeText(node)} lacks an input`);
  return value;
}

/** Of each node: what it uses as the last, and what it makes that nobody uses. Outputs of the graph stay. */
function lastUsesOf(graph: OnnxGraphFile): ReadonlyMap<number, readonly string[]> {
  const last = new Map<string, number>();
  for (const [index, node] of graph.nodes.entries()) {
    for (const name of [...node.outputs, ...usedBy(node)]) last.set(name, index);
  }
  for (const { name } of [...graph.outputs, ...graph.inputs, ...graph.constants]) last.delete(name);
  const byNode = new Map<number, string[]>();
  for (const [name, index] of last) {
    const names = byNode.get(index);
    if (names === undefined) byNode.set(index, [name]);
    else names.push(name);
  }
  return byNode;
}

/** A body uses values of the scopes around it. */
function usedBy({ inputs, body }: OnnxNodeFile): string[] {
  return body === undefined
    ? [...inputs]
    : [...inputs, ...body.nodes.flatMap(usedBy), ...body.outputs.map(({ name }) => name)];
}

function define({ values, outer }: Scope, name: string, value: ShapedValue): void {
  for (let scope: Scope | undefined = { values, outer }; scope !== undefined; scope = scope.outer) {
    if (scope.values.has(name)) throw new RangeError(`it gives the name '${name.slice(0, 60)}' twice`);
  }
  values.set(name, value);
}

function find(scope: Scope, name: string): ShapedValue {
  for (let around: Scope | undefined = scope; around !== undefined; around = around.outer) {
    const value = around.values.get(name);
    if (value !== undefined) return value;
  }
  throw new RangeError(`it uses '${name.slice(0, 60)}' before anything makes that`);
}

function peakText(node: OnnxNodeFile, outputs: readonly ShapedValue[]): string {
  const [largest] = [...outputs].sort((a, b) => bytesOf(b) - bytesOf(a));
  return largest === undefined
    ? nodeText(node)
    : `${nodeText(node)}, which makes ${typeText(largest.dtype, largest.shape)} of ${bytesOf(largest)} bytes`;
}

function typeText(dtype: DType, shape: readonly number[]): string {
  return `${dtype} ${formatShape(shape)}`;
}

function bytesOf({ dtype, shape }: ShapedValue): number {
  return bytesPerElement[dtype] * elementCount(shape);
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new RangeError('its graph and its interface disagree');
  return value;
}
