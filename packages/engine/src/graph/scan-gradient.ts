import { addGradient, ancestors, dependents, propagate } from './gradients.js';
import { liftRows } from './lift-rows.js';
import { StepValues } from './step-values.js';
import type { GradientStep, GraphBuilder, GraphNode, ScanAttributes, Value } from './value.js';
import { isFloat, type ValueType } from './value-type.js';

/** A gradient that is left to after the walk back, where it is summed over all steps at once. */
interface Postponed {
  /** What it is the gradient by. */
  readonly by: Value;
  /** Of each step. */
  readonly outputGradient: Value;
  /** The sum, from all steps of `outputGradient`. */
  readonly sum: (outputGradients: Value) => Value;
}

/**
 * The gradient of a scan is a scan in the other direction (backpropagation through time, Werbos 1990). It carries the gradients of the
 * carried values, takes rows of the gradients of what was collected, and collects those of the rows. What it needs of the way forward
 * is collected there. By values from outside, gradients are summed after the walk, in one product over all steps, where the
 * operation can (`Primitive.gradientOverSteps`), else carried along.
 */
export function scanGradient(step: GradientStep<ScanAttributes>): (Value | undefined)[] {
  const { graph, node, attributes, inputs, outputGradients, needed } = step;
  const { carriedIn, rowsIn, carried, reverse } = attributes;
  const collected = [...attributes.collected];
  const captured = node.inputs.slice(carriedIn.length + rowsIn.length);
  const nodes = ancestors([...carried, ...collected]).filter((each) => each.graph === attributes.body);
  const isNeeded = (index: number): boolean => needed[index] === true;
  const roots = [
    ...rowsIn.filter((_, index) => isNeeded(carriedIn.length + index)),
    ...captured.filter((_, index) => isNeeded(carriedIn.length + rowsIn.length + index)),
  ];
  const { active, wanted } = activeValues(nodes, attributes, roots, isNeeded);

  const back = graph.inner();
  const values = new StepValues(step, back);
  const found = new Map<Value, Value>();
  const stateIn = active.map((index) => like(back, `gradient${index}`, carriedIn[index]!));
  for (const [place, index] of active.entries()) addGradient(back, found, carried[index]!, stateIn[place]!);
  const seeds = collected.flatMap((value, index) => {
    const gradient = outputGradients[carriedIn.length + index];
    if (gradient === undefined || !wanted.has(value)) return [];
    const row = like(back, `collected${index}`, value);
    addGradient(back, found, value, row);
    return [{ row, from: gradient }];
  });
  const postponed: Postponed[] = [];
  propagate({
    graph: back,
    nodes,
    wanted,
    found,
    known: (value) => values.of(value),
    takesOver(each, index, outputGradient) {
      const by = each.inputs[index]!;
      const sum = captured.includes(by) ? sumOverSteps(each, index, graph, values) : undefined;
      if (sum !== undefined) postponed.push({ by, outputGradient, sum });
      return sum !== undefined;
    },
  });

  const gradientOf = (value: Value): Value => {
    const gradient = found.get(value) ?? zerosLike(back, value);
    found.set(value, gradient);
    return gradient;
  };
  const summed = captured.filter((value) => found.has(value) && wanted.has(value));
  const sumsIn = summed.map((value, index) => like(back, `sum${index}`, value));
  const carriedBack = [
    ...active.map((index) => gradientOf(carriedIn[index]!)),
    ...summed.map((value, index) => back.add(sumsIn[index]!, found.get(value)!)),
  ];
  const wantedRows = rowsIn.filter((value) => wanted.has(value));
  const collectedBack = [
    ...new Set([...wantedRows.map(gradientOf), ...postponed.map(({ outputGradient }) => outputGradient)]),
  ];
  const rows = [...seeds, ...values.rowsFor([...carriedBack, ...collectedBack])];
  // A scan goes along something.
  if (rows.length === 0) rows.push({ row: like(back, 'row', rowsIn[0]!), from: inputs[carriedIn.length]! });
  const initial = [
    ...active.map((index) => outputGradients[index] ?? zerosLike(graph, inputs[index]!)),
    ...summed.map((value) => zerosLike(graph, step.known(value))),
  ];
  const { rows: goneAlong, ...walk } = liftRows(graph, {
    body: back,
    carriedIn: [...stateIn, ...sumsIn],
    rowsIn: rows.map(({ row }) => row),
    rows: rows.map(({ from }) => from),
    carried: carriedBack,
    collected: collectedBack,
    reverse: !reverse,
  });
  const results = graph.apply(node.primitive, [...initial, ...goneAlong, ...usedFromOutside(walk)], walk);
  const allSteps = (value: Value): Value => results[carriedBack.length + collectedBack.indexOf(value)]!;

  const total = new Map<Value, Value>();
  for (const [index, value] of summed.entries()) total.set(value, results[active.length + index]!);
  for (const { by, outputGradient, sum } of postponed) addGradient(graph, total, by, sum(allSteps(outputGradient)));
  return [
    ...carriedIn.map((_, index) => (active.includes(index) ? results[active.indexOf(index)] : undefined)),
    ...rowsIn.map((value) => (wanted.has(value) ? allSteps(gradientOf(value)) : undefined)),
    ...captured.map((value) => total.get(value)),
  ];
}

/** Which carried values change with what is wanted, in this step or a later one, and all values of the body that do. */
function activeValues(
  nodes: readonly GraphNode[],
  { carriedIn, carried }: ScanAttributes,
  roots: readonly Value[],
  isNeeded: (carriedIndex: number) => boolean,
): { readonly active: readonly number[]; readonly wanted: ReadonlySet<Value> } {
  let active = [...carriedIn.keys()].filter((index) => isNeeded(index) && isFloat(carriedIn[index]!.dtype));
  for (;;) {
    const wanted = dependents(nodes, [...roots, ...active.map((index) => carriedIn[index]!)]);
    const next = [...carriedIn.keys()].filter((index) => active.includes(index) || wanted.has(carried[index]!));
    if (next.length === active.length) return { active, wanted };
    active = next;
  }
}

/** How an operation's gradient by a value from outside is summed over all steps, where it can be. */
function sumOverSteps(
  { primitive, attributes, inputs }: GraphNode,
  index: number,
  graph: GraphBuilder,
  values: StepValues,
): Postponed['sum'] | undefined {
  let outputGradients: Value | undefined;
  const sum = primitive.gradientOverSteps?.({
    graph,
    attributes,
    inputs,
    index,
    stacked: (other) => values.allSteps(inputs[other]!),
    gradient: () => outputGradients!,
  });
  if (sum === undefined) return undefined;
  return (gradient) => {
    outputGradients = gradient;
    return sum();
  };
}

function like(graph: GraphBuilder, name: string, { dtype, shape }: ValueType): Value {
  return graph.input(name, dtype, shape);
}

function zerosLike(graph: GraphBuilder, { dtype, shape }: ValueType): Value {
  return graph.expand(graph.constant(0, dtype), shape);
}

function usedFromOutside({ body, carried, collected }: ScanAttributes): Value[] {
  const nodes = ancestors([...carried, ...collected]).filter(({ graph }) => graph === body);
  const used = [...nodes.flatMap(({ inputs }) => inputs), ...carried, ...collected];
  return [...new Set(used.filter(({ graph }) => graph !== body))];
}
