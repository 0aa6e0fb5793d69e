import type { Graph } from '../../graph/graph.js';
import type { Value } from '../../graph/value.js';
import { extentOf, type Rule, type Step, Unsupported } from '../entries.js';

interface Cell {
  /** ONNX's names of its activations, where they are not its own choice. */
  readonly activations: readonly string[];
  readonly gates: number;
  /** Values carried from step to step, the state that is given out first. */
  readonly carries: number;
  /** Inputs of the node with the start values of what is carried. */
  readonly starts: readonly number[];
  /** Whether a bias of the state's product stands apart from that of the input's. */
  readonly apart: boolean;
  /** @param product of the step's input, with its bias @param weights `[gates * units, units]` @param bias of the state's product */
  next(
    g: Graph,
    carried: readonly Value[],
    product: Value,
    weights: Value,
    bias: Value | undefined,
    units: number,
  ): readonly Value[];
}

/** ONNX has the gates in the order input, output, forget, cell. */
const lstmCell: Cell = {
  activations: ['Sigmoid', 'Tanh', 'Tanh'],
  gates: 4,
  carries: 2,
  starts: [5, 6],
  apart: false,
  next(g, [state, memory], product, weights, _, units) {
    const gates = g.add(g.matmul(state!, weights, { transposeB: true }), product);
    const [input, output, forget, candidate] = g.split(gates, 1, [units, units, units, units]) as [
      Value,
      Value,
      Value,
      Value,
    ];
    const kept = g.add(g.mul(g.sigmoid(forget), memory!), g.mul(g.sigmoid(input), g.tanh(candidate)));
    return [g.mul(g.sigmoid(output), g.tanh(kept)), kept];
  },
};

/** In the order update, reset, candidate; reset goes over the state's product, as PyTorch and cuDNN have it. */
const gruCell: Cell = {
  activations: ['Sigmoid', 'Tanh'],
  gates: 3,
  carries: 1,
  starts: [5],
  apart: true,
  next(g, [state], product, weights, bias, units) {
    const given = g.matmul(state!, weights, { transposeB: true });
    const own = bias === undefined ? given : g.add(given, bias);
    const sizes = [units, units, units];
    const [update, reset, candidate] = g.split(product, 1, sizes) as [Value, Value, Value];
    const [ownUpdate, ownReset, ownCandidate] = g.split(own, 1, sizes) as [Value, Value, Value];
    const kept = g.sigmoid(g.add(update, ownUpdate));
    const proposed = g.tanh(g.add(candidate, g.mul(g.sigmoid(g.add(reset, ownReset)), ownCandidate)));
    return [g.add(g.mul(g.sub(1, kept), proposed), g.mul(kept, state!))];
  },
};

/** The plain network of Elman (1990). */
function plainCell(activation: 'relu' | 'tanh', name: string): Cell {
  return {
    activations: [name],
    gates: 1,
    carries: 1,
    starts: [5],
    apart: false,
    next: (g, [state], product, weights) => [
      g[activation](g.add(g.matmul(state!, weights, { transposeB: true }), product)),
    ],
  };
}

function recurrent(cell: Cell): Rule {
  return (step) => {
    const { g } = step;
    if (step.integer('layout', 0) !== 0) throw new Unsupported('has the batch first');
    const named = step.node.attributes.get('activations')?.texts ?? [];
    const isOwn = named.some((one, at) => one !== cell.activations[at % cell.activations.length]);
    if (isOwn || step.node.attributes.has('clip')) throw new Unsupported('has activations or a bound of its own');
    if (step.has(7) || step.integer('input_forget', 0) !== 0) {
      throw new Unsupported('has peepholes, or one gate for input and forget');
    }
    if (cell === gruCell && step.integer('linear_before_reset', 0) !== 1) {
      throw new Unsupported('resets the state before its product');
    }
    const x = step.value(0);
    const [steps, batch] = x.shape as [number | string, number | string];
    const held = step.has(4) ? heldPlaces(step, step.value(4), extentOf(x, 0)) : undefined;
    const weights = step.value(1);
    const units = step.integer('hidden_size', extentOf(weights, 1) / cell.gates);
    const name = step.text('direction', 'forward');
    const directions = name === 'bidirectional' ? [false, true] : [name === 'reverse'];
    const results = directions.map((reverse, at) => oneDirection(step, cell, { x, units, at, reverse, held }));
    const stacked = (values: readonly Value[], shape: readonly (number | string)[], axis: number) =>
      g.concat(
        values.map((value) => g.reshape(value, shape)),
        axis,
      );
    const lasts = Array.from({ length: cell.carries }, (_, part) =>
      stacked(
        results.map(({ carried }) => carried[part] as Value),
        [1, batch, units],
        0,
      ),
    );
    return [
      stacked(
        results.map(({ states }) => states),
        [steps, 1, batch, units],
        1,
      ),
      ...lasts,
    ];
  };
}

/** By the lengths of the sequences: 1 where one has a step, `[steps, batch, 1]`. */
function heldPlaces({ g }: Step, lengths: Value, steps: number): Value {
  const places = g.constant([...Array(steps).keys()], lengths.dtype, [steps, 1, 1]);
  const [batch = 1] = lengths.shape;
  return g.cast(g.greater(g.reshape(lengths, [1, batch, 1]), places), 'float32');
}

interface Direction {
  readonly x: Value;
  /** Where there is a step: elsewhere the state stays, and 0 is given out. */
  readonly held: Value | undefined;
  readonly units: number;
  /** Its place among the directions. */
  readonly at: number;
  readonly reverse: boolean;
}

function oneDirection(step: Step, cell: Cell, { x, units, at, reverse, held }: Direction) {
  const { g } = step;
  const rows = cell.gates * units;
  const of = (index: number, shape: readonly (number | string)[]) =>
    g.reshape(g.slice(step.value(index), 0, at, at + 1), shape);
  const [inward, hidden] = [of(1, [rows, extentOf(x, 2)]), of(2, [rows, units])];
  const biases = step.has(3) ? of(3, [2 * rows]) : undefined;
  const [inputBias, hiddenBias] = biases === undefined ? [] : g.split(biases, 0, [rows, rows]);
  const bias =
    inputBias === undefined || hiddenBias === undefined || cell.apart ? inputBias : g.add(inputBias, hiddenBias);
  // The products of all steps' inputs are one.
  const product = g.matmul(x, inward, { transposeB: true });
  const products = bias === undefined ? product : g.add(product, bias);
  const batch = x.shape[1] as number | string;
  const starts = cell.starts.map((index) =>
    step.has(index) ? of(index, [batch, units]) : g.expand(g.constant(0, 'float32'), [batch, units]),
  );
  const { carried, collected } = g.scan(
    held === undefined ? [products] : [products, held],
    starts,
    (body, [row, isHeld], before) => {
      const next = cell.next(body, before, row as Value, hidden, cell.apart ? hiddenBias : undefined, units);
      if (isHeld === undefined) return { carried: next, collected: [next[0] as Value] };
      const isStep = body.greater(isHeld, 0);
      const carried = next.map((value, at) => body.select(isStep, value, before[at] as Value));
      return { carried, collected: [body.mul(next[0] as Value, isHeld)] };
    },
    { reverse },
  );
  return { carried, states: collected[0] as Value };
}

/** With the activation that the file names. */
const plain: Rule = (step) => {
  const [name = 'Tanh'] = step.node.attributes.get('activations')?.texts ?? [];
  return recurrent(plainCell(name === 'Relu' ? 'relu' : 'tanh', name === 'Relu' ? 'Relu' : 'Tanh'))(step);
};

export const recurrentLayers: Readonly<Record<string, Rule>> = {
  GRU: recurrent(gruCell),
  LSTM: recurrent(lstmCell),
  RNN: plain,
};
