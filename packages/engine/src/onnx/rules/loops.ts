import { sameShape } from '../../graph/shapes.js';
import type { Dim } from '../../graph/value-type.js';
import type { OnnxGraph, OnnxNode, OnnxValue } from '../ir.js';
import { append } from '../lower.js';
import type { Rule, RuleContext, Use } from '../optimize.js';
import { producedBy, reshaped, reshapeTarget } from './match.js';

/** Body inputs before the carried values, and node inputs before them. */
function offsets(op: string): { readonly body: number; readonly outer: number; readonly results: number } {
  return op === 'Loop' ? { body: 2, outer: 2, results: 1 } : { body: 0, outer: 0, results: 0 };
}

function carriedCount({ op, inputs, attributes }: OnnxNode): number {
  return op === 'Loop' ? inputs.length - 2 : inputs.length - (attributes.num_scan_inputs as number);
}

/**
 * A loop whose body ends a carried value with a Reshape carries it unreshaped: one Reshape before the loop and one after
 * it instead of one a step.
 */
export const carryReshaped: Rule = {
  name: 'carry-reshaped',
  apply(node, context) {
    const { body } = node;
    if (body === undefined) return undefined;
    const at = offsets(node.op);
    const index = Array.from({ length: carriedCount(node) }, (_, k) => k).find((k) => {
      const result = body.outputs[at.results + k]!;
      const reshape = producedBy(result, 'Reshape');
      return reshape !== undefined && reshapeTarget(reshape.inputs[0]!.shape, context) !== undefined;
    });
    if (index === undefined) return undefined;
    const before = body.inputs[at.body + index]!;
    const inner = body.outputs[at.results + index]!.producer!.inputs[0]!;
    const target = body.outputs[at.results + index]!.producer!.inputs[1]!;
    const carried: OnnxValue = { dtype: inner.dtype, shape: inner.shape, producer: undefined };
    const restored = replaceInput(body, before, carried, target);
    const newBody: OnnxGraph = {
      inputs: body.inputs.map((value) => (value === before ? carried : value)),
      nodes: restored,
      outputs: body.outputs.map((value, position) => (position === at.results + index ? inner : value)),
    };
    const initial = reshaped(node.inputs[at.outer + index]!, inner.shape, context)!;
    const inputs = node.inputs.map((value, position) => (position === at.outer + index ? initial : value));
    const types = node.outputs.map((output, position) => (position === index ? inner : output));
    const results = context.emitNode({ op: node.op, inputs, attributes: node.attributes, body: newBody }, types);
    return results.map((result, position) => (position === index ? reshaped(result, before.shape, context) : result));
  },
};

/** The body's nodes, with `before` remade from `carried` by a Reshape at their head. */
function replaceInput(body: OnnxGraph, before: OnnxValue, carried: OnnxValue, target: OnnxValue): OnnxNode[] {
  const nodes: OnnxNode[] = [];
  const [restored] = append(nodes, { op: 'Reshape', inputs: [carried, target], attributes: {}, scope: '' }, [before]);
  return [...nodes, ...renamed(body, before, restored!)];
}

function renamed(graph: OnnxGraph, from: OnnxValue, to: OnnxValue): OnnxNode[] {
  graph.outputs = graph.outputs.map((value) => (value === from ? to : value));
  return graph.nodes.map((node) => {
    if (node.body !== undefined) node.body.nodes = renamed(node.body, from, to);
    const copy: OnnxNode = { ...node, inputs: node.inputs.map((value) => (value === from ? to : value)) };
    for (const output of copy.outputs) output.producer = copy;
    return copy;
  });
}

/** A Scan whose body only reshapes its rows scans the reshaped whole. */
export const reshapeScannedRows: Rule = {
  name: 'reshape-scanned-rows',
  apply(node, context) {
    const { body } = node;
    if (node.op !== 'Scan' || body === undefined) return undefined;
    const first = carriedCount(node);
    for (let index = first; index < node.inputs.length; index++) {
      const row = body.inputs[index]!;
      const shape = soleReshape(context.uses(row), row);
      const whole = node.inputs[index]!;
      const wanted = shape && [whole.shape[0]!, ...shape];
      if (shape === undefined || wanted === undefined) continue;
      const scanned = reshapedRows(whole, shape, wanted, context);
      if (scanned === undefined) continue;
      const newRow: OnnxValue = { dtype: row.dtype, shape, producer: undefined };
      // The body's own Reshape of the row becomes one that changes nothing, and goes.
      const newBody: OnnxGraph = {
        inputs: body.inputs.map((value) => (value === row ? newRow : value)),
        nodes: renamed(body, row, newRow),
        outputs: body.outputs,
      };
      const inputs = node.inputs.map((value, position) => (position === index ? scanned : value));
      return context.emitNode({ op: 'Scan', inputs, attributes: node.attributes, body: newBody }, node.outputs);
    }
    return undefined;
  },
};

/** The one other shape to which all uses of a row bring it. */
function soleReshape(uses: readonly Use[], row: OnnxValue): readonly Dim[] | undefined {
  const shapes = uses.map(({ node }) => (node?.op === 'Reshape' ? node.outputs[0]!.shape : undefined));
  const [shape] = shapes;
  const agreed = shape !== undefined && shapes.every((other) => other !== undefined && sameShape(other, shape));
  return agreed && !sameShape(shape, row.shape) ? shape : undefined;
}

/** `[steps, ...row]` reshaped row by row: new axes of extent 1 by Unsqueeze, where two symbols forbid a Reshape. */
function reshapedRows(
  whole: OnnxValue,
  row: readonly Dim[],
  wanted: readonly Dim[],
  context: RuleContext,
): OnnxValue | undefined {
  const direct = reshaped(whole, wanted, context);
  if (direct !== undefined) return direct;
  const kept = whole.shape.slice(1);
  const added = row.flatMap((dim, axis) => (dim === 1 && row.length > kept.length ? [axis + 1] : []));
  const rest = row.filter((_, axis) => !added.includes(axis + 1));
  if (!sameShape(rest, kept)) return undefined;
  return context.emit('Unsqueeze', [whole, context.integers(added)], {}, { dtype: whole.dtype, shape: wanted });
}
