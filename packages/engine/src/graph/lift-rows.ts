import type { GraphBuilder, GraphNode, ScanAttributes, Value } from './value.js';

/** A scan before it is made: its attributes, and what its rows are rows of. */
export interface ScanParts extends ScanAttributes {
  readonly rows: readonly Value[];
}

/**
 * Takes out of a scan what follows, element by element, from rows alone: it is computed for all steps at once, and its rows take the place
 * of those that it was made of. In products, factors of rows are multiplied first. So a step is left with what depends on the step before,
 * which is what takes the time of a recurrent layer: few elements, and an operation each.
 * @param graph where the scan is to stand
 */
export function liftRows(graph: GraphBuilder, parts: ScanParts): ScanParts {
  const results = [...parts.carried, ...parts.collected];
  const nodes = reachable(parts.body, results);
  // A body within would have to be made again.
  if (nodes.some(({ attributes }) => typeof attributes === 'object' && attributes !== null && 'body' in attributes)) {
    return parts;
  }
  return new Lifting(graph, parts, nodes).run();
}

function reachable(body: GraphBuilder, results: readonly Value[]): GraphNode[] {
  const seen = new Set(results.filter(({ graph }) => graph === body).map(({ node }) => node));
  for (const { inputs } of seen) {
    for (const { graph, node } of inputs) if (graph === body) seen.add(node);
  }
  return [...seen];
}

class Lifting {
  readonly #graph: GraphBuilder;
  readonly #parts: ScanParts;
  readonly #body: GraphBuilder;
  readonly #uses = new Map<Value, number>();
  readonly #lifted = new Map<Value, boolean>();
  readonly #allSteps = new Map<Value, Value>();
  readonly #copies = new Map<Value, Value>();
  readonly #rows: { readonly row: Value; readonly from: Value }[] = [];

  constructor(graph: GraphBuilder, parts: ScanParts, nodes: readonly GraphNode[]) {
    this.#graph = graph;
    this.#parts = parts;
    this.#body = graph.inner();
    for (const value of [...nodes.flatMap(({ inputs }) => inputs), ...parts.carried, ...parts.collected]) {
      this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1);
    }
  }

  run(): ScanParts {
    const { carriedIn, carried, collected, reverse, rows, rowsIn } = this.#parts;
    const [carriedCopies, collectedCopies] = [carried, collected].map((values) =>
      values.map((value) => this.#copy(value)),
    ) as [Value[], Value[]];
    const [firstIn] = rowsIn;
    const [first] = rows;
    // A scan goes along something.
    if (this.#rows.length === 0 && firstIn !== undefined && first !== undefined) this.#row(firstIn, first);
    return {
      body: this.#body,
      carriedIn: carriedIn.map((value) => this.#copy(value)),
      rowsIn: this.#rows.map(({ row }) => row),
      rows: this.#rows.map(({ from }) => from),
      carried: carriedCopies,
      collected: collectedCopies,
      reverse,
    };
  }

  /** What stands for a value of the old body in the new one. */
  #copy(value: Value): Value {
    if (value.graph !== this.#parts.body) return value;
    let copy = this.#copies.get(value);
    if (copy === undefined) {
      const { primitive, attributes, inputs, outputs } = value.node;
      if (this.#isLifted(value)) copy = this.#row(value, this.#stepsOf(value));
      else if (primitive.name === 'mul') copy = this.#product(value);
      else {
        const made = this.#body.apply(
          primitive,
          inputs.map((each) => this.#copy(each)),
          attributes,
        );
        for (const [index, output] of outputs.entries()) this.#copies.set(output, made[index] as Value);
        return this.#copies.get(value) as Value;
      }
      this.#copies.set(value, copy);
    }
    return copy;
  }

  #product(value: Value): Value {
    const factors = this.#factors(value, value);
    // With steps before its axes, one of fewer axes would broadcast otherwise than it does.
    const joins = (factor: Value) => this.#isLifted(factor) && factor.shape.length === value.shape.length;
    const rest = factors.filter((factor) => !joins(factor));
    const ofRows = factors.filter(joins);
    const copies = rest.map((factor) => this.#copy(factor));
    const [only] = ofRows;
    if (only !== undefined && ofRows.length === 1) copies.push(this.#copy(only));
    else if (only !== undefined) {
      const all = ofRows.map((factor) => this.#stepsOf(factor)).reduce((a, b) => this.#graph.mul(a, b));
      copies.push(this.#row(value, all));
    }
    return copies.reduce((a, b) => this.#body.mul(a, b));
  }

  /** The factors of a product whose parts are of its shape and are used for nothing else. */
  #factors(value: Value, product: Value): Value[] {
    const { graph, node } = value;
    const isPart = value === product || (this.#uses.get(value) === 1 && !this.#isLifted(value));
    const fits = node.inputs.every(({ shape }) => shape.join() === product.shape.join());
    if (graph !== this.#parts.body || node.primitive.name !== 'mul' || !isPart) return [value];
    // Where something broadcasts, the factors stay as they are.
    return fits
      ? node.inputs.flatMap((each) => this.#factors(each, product))
      : value === product
        ? [...node.inputs]
        : [value];
  }

  #row({ dtype, shape }: Value, from: Value): Value {
    const row = this.#body.input(`row${this.#rows.length}`, dtype, shape);
    this.#rows.push({ row, from });
    return row;
  }

  #isLifted(value: Value): boolean {
    let lifted = this.#lifted.get(value);
    if (lifted === undefined) {
      const { graph, node, shape } = value;
      // Steps come before the axes, so that only what has all of them broadcasts as it did.
      const fits = (each: Value): boolean =>
        this.#isFixed(each) || (each.shape.length === shape.length && this.#isLifted(each));
      lifted =
        graph === this.#parts.body &&
        (this.#parts.rowsIn.includes(value) ||
          (node.primitive.isElementwise === true &&
            node.inputs.every(fits) &&
            !node.inputs.every((each) => this.#isFixed(each))));
      this.#lifted.set(value, lifted);
    }
    return lifted;
  }

  /** Of constants, and of values from outside. */
  #isFixed({ graph, node: { primitive } }: Value): boolean {
    return graph !== this.#parts.body || primitive.name === 'constant';
  }

  /** A lifted value in all steps. */
  #stepsOf(value: Value): Value {
    let all = this.#allSteps.get(value);
    if (all === undefined) {
      const { node, graph } = value;
      const place = this.#parts.rowsIn.indexOf(value);
      if (graph !== this.#parts.body) all = value;
      else if (place >= 0) all = this.#parts.rows[place] as Value;
      else
        all = this.#graph.applyOne(
          node.primitive,
          node.inputs.map((each) => this.#stepsOf(each)),
          node.attributes,
        );
      this.#allSteps.set(value, all);
    }
    return all;
  }
}
