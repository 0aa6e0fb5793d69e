import { expect, test } from 'vitest';
import { Graph } from '../graph/graph.js';
import type { OnnxGraph } from './ir.js';
import { operators, rewrite } from './testing/rewrite.js';

/** Operators of the main graph, and of its one loop's body. */
function parts(graph: OnnxGraph): { readonly main: string[]; readonly body: string[] } {
  const loop = graph.nodes.find(({ body }) => body !== undefined);
  return { main: graph.nodes.map(({ op }) => op), body: loop === undefined ? [] : operators(loop.body!) };
}

test('what no output needs is dropped', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['n']);
  g.log(g.exp(x));
  g.output('y', g.neg(x));
  expect(operators(rewrite(g, []).graph)).toEqual(['Neg']);
});

test('equal expressions are computed once, also equal constants', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['n']);
  g.output('y', g.mul(g.exp(g.add(x, 2)), g.exp(g.add(x, 2))));
  expect(operators(rewrite(g, []).graph)).toEqual(['Add', 'Exp', 'Mul']);
});

test('different attributes, operands or orders of operands are different expressions', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2, 2]);
  const terms = [g.sum(x, [0]), g.sum(x, [1]), g.max(x, [0]), g.sub(1, g.sum(x, [0])), g.sub(g.sum(x, [0]), 1)];
  for (const [index, value] of terms.entries()) g.output(`y${index}`, value);
  expect(operators(rewrite(g, []).graph).sort()).toEqual(['ReduceMax', 'ReduceSum', 'ReduceSum', 'Sub', 'Sub']);
});

test('a body uses what was computed outside, and what depends on the outside alone moves there', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const y = g.input('y', 'float32', [2]);
  g.output('outside', g.exp(y));
  const [result] = g.loop(g.constant(3, 'int64'), [x], (body, _, [value]) => [
    body.add(body.mul(value!, body.exp(y)), body.log(body.exp(y))),
  ]);
  g.output('result', result!);
  expect(parts(rewrite(g, []).graph)).toEqual({ main: ['Exp', 'Log', 'Loop'], body: ['Mul', 'Add'] });
});

test('a node that uses both of two nested loops stays in the inner one, one that uses the outer moves there', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  const count = g.constant(2, 'int64');
  const [result] = g.loop(count, [x], (outer, _, [a]) =>
    outer.loop(count, [a!], (inner, __, [b]) => [inner.mul(inner.exp(a!), b!)]),
  );
  g.output('result', result!);
  const { graph } = rewrite(g, []);
  const outerBody = graph.nodes[0]!.body!;
  expect(outerBody.nodes.map(({ op }) => op)).toEqual(['Exp', 'Loop']);
  expect(outerBody.nodes[1]!.body!.nodes.map(({ op }) => op)).toEqual(['Mul']);
});

test('a rule that changes types is a bug, and found', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  g.output('y', g.sum(x, [0]));
  const wrong = { name: 'wrong', apply: (node: { inputs: OnnxGraph['inputs'] }) => [node.inputs[0]] };
  expect(() => rewrite(g, [wrong as never])).toThrow("rule 'wrong' turns float32 [] into float32 [2]");
});

test('rules that never end are a bug, and found', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', [2]);
  g.output('y', g.neg(x));
  const endless = {
    name: 'endless',
    apply: (node: never, context: never) => flip(node, context),
  };
  expect(() => rewrite(g, [endless])).toThrow(/do not come to an end/);
});

/** Neg -> Abs -> Neg -> ... */
function flip(
  node: { op: string; inputs: OnnxGraph['inputs']; outputs: OnnxGraph['inputs'] },
  context: { emit: (op: string, inputs: unknown, attributes: object, type: unknown) => OnnxGraph['inputs'][number] },
): readonly OnnxGraph['inputs'][number][] {
  return [context.emit(node.op === 'Neg' ? 'Abs' : 'Neg', node.inputs, {}, node.outputs[0])];
}
