import { formatShape, sameShape } from '../graph/shapes.js';
import type { ValueType } from '../graph/value-type.js';
import { Constants } from './constants.js';
import type { Attributes, OnnxGraph, OnnxNode, OnnxValue } from './ir.js';
import { append } from './lower.js';
import type { OperatorName } from './operators.js';

/** A rewrite that leaves the results equal. */
export interface Rule {
  readonly name: string;
  /** What stands for the node's outputs (some may stay undefined), or `undefined` where the rule does not apply. */
  apply(node: OnnxNode, context: RuleContext): readonly (OnnxValue | undefined)[] | undefined;
}

export interface Use {
  /** `undefined`: an output of a graph or of a loop's body. */
  readonly node: OnnxNode | undefined;
  readonly index: number;
}

export interface RuleContext {
  /** All uses of a value; empty for one that was made in this pass. */
  uses(value: OnnxValue): readonly Use[];
  emit(
    op: OperatorName,
    inputs: readonly (OnnxValue | undefined)[],
    attributes: Attributes,
    type: ValueType,
  ): OnnxValue;
  emitNode(parts: Omit<OnnxNode, 'outputs' | 'scope'>, types: readonly ValueType[]): readonly OnnxValue[];
  integers(values: readonly number[]): OnnxValue;
  readonly constants: Constants;
  /** A symbol's extent as int64 [1], read from one of the graph's inputs. */
  extent(symbol: string): OnnxValue | undefined;
}

/** Far more than any graph needs: each pass but the last must change something. */
const passesMax = 100;

/**
 * Rewrites a graph in place until nothing changes: applies the rules, merges equal nodes, moves nodes out of loops that
 * use only values from outside, drops what nothing uses. Deterministic.
 */
export function optimize(graph: OnnxGraph, rules: readonly Rule[]): void {
  const constants = new Constants();
  // Equal nodes are merged before the first rules look at them, so that "used once" means what it says.
  new Pass(graph, [], constants).run();
  for (let pass = 0; new Pass(graph, rules, constants).run(); pass++) {
    if (pass === passesMax) throw new Error('the rewrite rules do not come to an end');
  }
}

interface Scope {
  readonly nodes: OnnxNode[];
  /** Nodes of this scope by what they compute. */
  readonly known: Map<string, OnnxNode>;
}

class Pass {
  readonly #graph: OnnxGraph;
  readonly #rules: readonly Rule[];
  readonly #constants: Constants;
  readonly #scopes: Scope[] = [];
  /** How many loops a value is inside of; 0 where it is not listed. */
  readonly #depths = new Map<OnnxValue, number>();
  readonly #replaced = new Map<OnnxValue, OnnxValue>();
  readonly #uses: Map<OnnxValue, Use[]>;
  readonly #identities = new Map<OnnxValue, number>();
  #changed = false;

  constructor(graph: OnnxGraph, rules: readonly Rule[], constants: Constants) {
    this.#graph = graph;
    this.#rules = rules;
    this.#constants = constants;
    this.#uses = collectUses(graph, new Map());
  }

  run(): boolean {
    this.#rebuild(this.#graph, 0);
    dropUnused(this.#graph);
    return this.#changed;
  }

  #rebuild(graph: OnnxGraph, depth: number): void {
    this.#scopes[depth] = { nodes: [], known: new Map() };
    for (const input of graph.inputs) this.#depths.set(input, depth);
    for (const node of graph.nodes) this.#visit(node, depth);
    graph.nodes = this.#scopes[depth].nodes;
    graph.outputs = graph.outputs.map((value) => this.#current(value));
    this.#scopes.length = depth;
  }

  #visit(original: OnnxNode, depth: number): void {
    const inputs = original.inputs.map((value) => value && this.#current(value));
    if (original.body !== undefined) this.#rebuild(original.body, depth + 1);
    const node: OnnxNode = { ...original, inputs };
    for (const output of node.outputs) output.producer = node;
    const context = this.#context(node, depth);
    for (const rule of this.#rules) {
      const results = rule.apply(node, context);
      if (results === undefined) continue;
      this.#changed = true;
      for (const [index, result] of results.entries()) {
        if (result !== undefined) this.#replace(node.outputs[index]!, result, rule.name);
      }
      return;
    }
    this.#place(node, depth);
  }

  #context({ scope }: OnnxNode, depth: number): RuleContext {
    const emitNode: RuleContext['emitNode'] = (parts, types) => {
      const outputs = append([], { ...parts, scope }, types);
      this.#place(outputs[0]!.producer!, depth);
      return outputs.map((output) => this.#current(output));
    };
    return {
      uses: (value) => this.#uses.get(value) ?? [],
      emit: (op, inputs, attributes, type) => emitNode({ op, inputs, attributes }, [type])[0]!,
      emitNode,
      integers: (values) => this.#constants.integers(values),
      constants: this.#constants,
      extent: (symbol) => {
        const source = this.#graph.inputs.find(({ shape }) => shape.includes(symbol));
        const start = source === undefined ? -1 : source.shape.indexOf(symbol);
        if (source === undefined) return undefined;
        const attributes = { start, end: start + 1 };
        return emitNode({ op: 'Shape', inputs: [source], attributes }, [{ dtype: 'int64', shape: [1] }])[0];
      },
    };
  }

  /** Adds a node to the outermost scope that has all its inputs, unless its like is there. */
  #place(node: OnnxNode, depth: number): void {
    const depths = node.inputs.map((value) => (value === undefined ? 0 : (this.#depths.get(value) ?? 0)));
    const target = node.body === undefined ? Math.max(0, ...depths) : depth;
    const { nodes, known } = this.#scopes[target]!;
    const key = this.#keyOf(node);
    const twin = node.body === undefined ? known.get(key) : undefined;
    if (twin !== undefined) {
      this.#changed = true;
      for (const [index, output] of node.outputs.entries()) this.#replace(output, twin.outputs[index]!, 'merge');
      return;
    }
    if (target !== depth) this.#changed = true;
    known.set(key, node);
    nodes.push(node);
    for (const output of node.outputs) this.#depths.set(output, target);
  }

  #keyOf({ op, inputs, attributes }: OnnxNode): string {
    const identities = inputs.map((value) => {
      if (value === undefined) return '';
      const known = this.#identities.get(value) ?? this.#identities.size;
      this.#identities.set(value, known);
      return known;
    });
    const sorted = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
    return `${op}(${identities.join()})${JSON.stringify(sorted)}`;
  }

  #current(value: OnnxValue): OnnxValue {
    let current = this.#constants.canonical(value);
    for (let next = this.#replaced.get(current); next !== undefined; next = this.#replaced.get(current)) current = next;
    return current;
  }

  #replace(old: OnnxValue, replacement: OnnxValue, rule: string): void {
    if (old.dtype !== replacement.dtype || !sameShape(old.shape, replacement.shape)) {
      const types = [old, replacement].map(({ dtype, shape }) => `${dtype} ${formatShape(shape)}`);
      throw new Error(`rule '${rule}' turns ${types.join(' into ')}`);
    }
    this.#replaced.set(old, replacement);
    const inherited = this.#uses.get(old) ?? [];
    this.#uses.set(replacement, [...(this.#uses.get(replacement) ?? []), ...inherited]);
  }
}

function collectUses(graph: OnnxGraph, uses: Map<OnnxValue, Use[]>): Map<OnnxValue, Use[]> {
  const add = (value: OnnxValue | undefined, use: Use): void => {
    if (value === undefined) return;
    const list = uses.get(value);
    if (list === undefined) uses.set(value, [use]);
    else list.push(use);
  };
  for (const node of graph.nodes) {
    for (const [index, value] of node.inputs.entries()) add(value, { node, index });
    if (node.body !== undefined) collectUses(node.body, uses);
  }
  for (const [index, value] of graph.outputs.entries()) add(value, { node: undefined, index });
  return uses;
}

/** Drops nodes none of whose outputs is used, the last first, so that what they alone used goes too. */
function dropUnused(graph: OnnxGraph, used = new Set<OnnxValue>()): void {
  for (const output of graph.outputs) used.add(output);
  const kept: OnnxNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => used.has(output))) continue;
    if (node.body !== undefined) dropUnused(node.body, used);
    for (const input of node.inputs) if (input !== undefined) used.add(input);
    kept.push(node);
  }
  graph.nodes = kept.reverse();
}
