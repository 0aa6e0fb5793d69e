import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { rowsOf } from '../graph/shapes.js';
import type { Value } from '../graph/value.js';
import type { Dim } from '../graph/value-type.js';
import { defineLayer } from './define.js';
import { uniformFanIn } from './initializers.js';
import { checkInteger, checkLayerOptions, shapeMismatch, show } from './layer-checks.js';
import { presentOf } from './present.js';
import type { Layer, LayerParameter } from './types.js';

export interface RecurrentOptions {
  /** How many, one on top of the other: each takes the states of the one below. Default 1. */
  readonly layers?: number;
  /** True: the states of all steps, `[steps, units]`; false, the default: that of the last step, `[units]`. */
  readonly returnSequences?: boolean;
}

/** The weights of one of the layers, as torch.nn has them. */
export interface CellWeights {
  /** `[gates * units, units]` */
  readonly hidden: Value;
  readonly hiddenBias: Value;
  readonly inputBias: Value;
}

/** What tells one kind of recurrent layer from another. */
export interface Cell {
  readonly kind: string;
  /** Blocks of `units` rows in its weights. */
  readonly gates: number;
  /** Values `[batch, units]` that it carries from step to step, all zero before the first. The first is its state. */
  readonly carries: number;
  /** The bias of the inputs' product, which is made of all steps at once. */
  inputBias(g: Graph, weights: CellWeights): Value;
  /** The next carried values, of `product` `[batch, gates * units]`, the inputs' part of this step. */
  step(g: Graph, product: Value, carried: readonly Value[], weights: CellWeights): readonly Value[];
}

/** Layers of a cell that walk along the first axis of their samples `[steps, features]`. */
export function recurrent(cell: Cell, units: number, options: RecurrentOptions): Layer {
  const kind = `${cell.kind}(${units})`;
  checkInteger(kind, 'units', units, 1);
  checkLayerOptions(kind, options, ['layers', 'returnSequences']);
  const { layers = 1, returnSequences = false } = options;
  checkInteger(kind, 'layers', layers, 1);
  if (typeof returnSequences !== 'boolean') {
    const message = `${kind}: returnSequences is ${show(returnSequences)}; give true or false.`;
    throw new FedloomError('layer.option', message, { layer: kind, option: 'returnSequences', value: returnSequences });
  }
  return defineLayer({
    kind,
    build(inputShape) {
      const [steps, features] = inputShape;
      if (steps === undefined || features === undefined || inputShape.length !== 2) {
        const remedy = 'give each sample a row of features for each step, as embedding() makes of a row of tokens';
        throw shapeMismatch(kind, '[steps, features]', inputShape, remedy);
      }
      const depths = [...new Array(layers).keys()];
      return {
        outputShape: returnSequences ? [steps, units] : [units],
        parameters: depths.flatMap((depth) => weightsOf(cell, units, depth === 0 ? features : units, depth)),
        apply(g, x, params, context) {
          const present = presentOf(kind, context, [steps, features]);
          const counts = present && g.transpose(present, [1, 0]);
          const parameter = (name: string): Value => params.get(name)!;
          let states = g.transpose(x, [1, 0, 2]);
          for (const depth of depths) {
            const isLast = depth === layers - 1;
            const weights = {
              hidden: parameter(`weight_hh_l${depth}`),
              hiddenBias: parameter(`bias_hh_l${depth}`),
              inputBias: parameter(`bias_ih_l${depth}`),
            };
            const walked = walk(
              g,
              cell,
              units,
              states,
              parameter(`weight_ih_l${depth}`),
              weights,
              !isLast || returnSequences,
              counts,
            );
            if (isLast && !returnSequences) return walked.last;
            states = walked.states!;
          }
          return g.transpose(states, [1, 0, 2]);
        },
      };
    },
  });
}

/** In PyTorch's order and with its default: uniform in [-1/sqrt(units), 1/sqrt(units)). Source: torch.nn.RNNBase.reset_parameters. */
function weightsOf({ gates }: Cell, units: number, features: number, depth: number): LayerParameter[] {
  const shapes: Readonly<Record<string, readonly number[]>> = {
    weight_ih: [gates * units, features],
    weight_hh: [gates * units, units],
    bias_ih: [gates * units],
    bias_hh: [gates * units],
  };
  return Object.entries(shapes).map(([name, shape]) => ({
    name: `${name}_l${depth}`,
    shape,
    role: 'trained',
    initialize: uniformFanIn(shape, units),
  }));
}

/**
 * One layer over `x` `[steps, batch, features]`.
 * @param counts `[steps, batch]`, 0 where a step is padding, and its state that of the step before; absent: all count
 */
function walk(
  g: Graph,
  cell: Cell,
  units: number,
  x: Value,
  inputWeight: Value,
  weights: CellWeights,
  wantsStates: boolean,
  counts: Value | undefined,
): { readonly last: Value; readonly states: Value | undefined } {
  const [steps, batch] = x.shape as [number, Dim];
  const rows = g.reshape(x, rowsOf(x.shape));
  // The inputs' part of all steps is one large product; only that of the states must go step by step.
  const product = g.add(g.matmul(rows, inputWeight, { transposeB: true }), cell.inputBias(g, weights));
  const products = g.reshape(product, [steps, batch, cell.gates * units]);
  const zero = g.expand(g.constant(0, 'float32'), [batch, units]);
  const initial = new Array<Value>(cell.carries).fill(zero);
  const rowsOfSteps = counts === undefined ? [products] : [products, g.reshape(counts, [steps, batch, 1])];
  const { carried, collected } = g.scan(rowsOfSteps, initial, (body, [row, count], before) => {
    const made = cell.step(body, row!, before, weights);
    const goOn = count && body.greater(count, 0);
    const next = goOn === undefined ? made : made.map((value, at) => body.select(goOn, value, before[at]!));
    return { carried: next, collected: wantsStates ? [next[0]!] : [] };
  });
  return { last: carried[0]!, states: collected[0] };
}
