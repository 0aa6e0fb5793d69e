import { ancestors } from './gradients.js';
import type { GradientStep, GraphBuilder, GraphNode, ScanAttributes, Value } from './value.js';

/**
 * The values of a scan's body as the body of its gradient sees them: made again from others where that costs no arithmetic, else a row of
 * what the scan collects of them.
 */
export class StepValues {
  readonly #step: GradientStep<ScanAttributes>;
  readonly #back: GraphBuilder;
  readonly #known = new Map<Value, Value>();
  /** Rows, and what they stand for. */
  readonly #rows = new Map<Value, Value>();
  readonly #fixed = new Map<GraphNode, boolean>();

  constructor(step: GradientStep<ScanAttributes>, back: GraphBuilder) {
    this.#step = step;
    this.#back = back;
  }

  of(value: Value): Value {
    if (value.graph !== this.#step.attributes.body) return this.#step.known(value);
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const { node } = value;
    const { primitive, attributes } = node;
    if (primitive.movesElements === true || this.#isFixed(node)) {
      const made = this.#back.apply(
        primitive,
        node.inputs.map((each) => this.of(each)),
        attributes,
      );
      for (const [index, each] of made.entries()) this.#known.set(node.outputs[index]!, each);
      return this.#known.get(value)!;
    }
    const row = this.#back.input(`kept${this.#rows.size}`, value.dtype, value.shape);
    this.#rows.set(row, value);
    this.#known.set(value, row);
    return row;
  }

  /** A value of all steps, outside; `undefined` where it is the same in all of them. */
  allSteps(value: Value): (() => Value) | undefined {
    const { body, carriedIn, rowsIn } = this.#step.attributes;
    if (value.graph !== body || this.#isFixed(value.node)) return undefined;
    const place = rowsIn.indexOf(value);
    return place < 0 ? () => this.#collected(value) : () => this.#step.inputs[carriedIn.length + place]!;
  }

  /** The rows that these results of the way back need, and what they go along. */
  rowsFor(results: readonly Value[]): { readonly row: Value; readonly from: Value }[] {
    const used = new Set(ancestors(results));
    const needed = [...this.#rows].filter(([row]) => used.has(row.node));
    return needed.map(([row, value]) => ({ row, from: this.allSteps(value)!() }));
  }

  /** True of what no row and no carried value changes. */
  #isFixed(node: GraphNode): boolean {
    let fixed = this.#fixed.get(node);
    if (fixed === undefined) {
      fixed =
        node.graph !== this.#step.attributes.body ||
        (node.primitive.name !== 'input' && node.inputs.every(({ node: before }) => this.#isFixed(before)));
      this.#fixed.set(node, fixed);
    }
    return fixed;
  }

  #collected(value: Value): Value {
    const { node, attributes } = this.#step;
    const { carriedIn, collected } = attributes;
    let place = collected.indexOf(value);
    if (place < 0) {
      place = collected.push(value) - 1;
      const [steps] = node.inputs[carriedIn.length]!.shape;
      node.graph.addOutput(node, { dtype: value.dtype, shape: [steps!, ...value.shape] });
    }
    return this.#step.known(node.outputs[carriedIn.length + place]!);
  }
}
