import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { defineLayer } from './define.js';
import { checkProbability, dropped } from './dropout.js';
import { filled, glorotUniform, uniformFanIn } from './initializers.js';
import { checkInteger, checkLayerOptions, shapeMismatch, shapeText } from './layer-checks.js';
import { presentOf } from './present.js';
import type { BuiltLayer, Layer, LayerContext, LayerParameter } from './types.js';

export interface AttentionOptions {
  /** Whether a position sees itself and those before it alone. Default false: all see all. */
  readonly causal?: boolean;
  /** In training each weight of a position for another is 0 with this probability. Default 0. */
  readonly dropout?: number;
}

/** Below what any product of trained numbers comes to, and far from float32's end: such a weight is 0 to the bit. */
const UNSEEN = -1e30;

/**
 * Each position's mean of the values of those that it may see, weighted by the softmax of query times key / sqrt(size): Vaswani et
 * al. 2017 (arXiv 1706.03762), section 3.2.1. As torch.nn.functional.scaled_dot_product_attention.
 * @param query `[..., positions, size]` @param key `[..., others, size]` @param value `[..., others, width]`
 * @param visible bool, broadcasts to `[..., positions, others]`; absent: all are. A position that sees nothing gets the mean of all
 * @returns `[..., positions, width]`
 */
export function scaledDotProductAttention(g: Graph, query: Value, key: Value, value: Value, visible?: Value): Value {
  return g.matmul(weightsOf(g, query, key, visible && unseen(g, visible)), value);
}

/** @param added to the products, 0 or what makes a weight 0; built after them */
function weightsOf(g: Graph, query: Value, key: Value, added: (() => Value) | undefined): Value {
  const size = Number(query.shape.at(-1));
  const products = g.matmul(g.mul(query, 1 / Math.sqrt(size)), key, { transposeB: true });
  // Added, not chosen: so the gradient goes through as it is.
  return g.softmax(added === undefined ? products : g.add(products, added()));
}

function unseen(g: Graph, visible: Value): () => Value {
  return () => g.select(visible, 0, g.constant(UNSEEN, 'float32'));
}

/** What is added for keys that are padding, and with `causal` for those that come later: float32 `[batch, 1, 1 or positions, positions]`. */
function masks(g: Graph, causal: boolean, positions: number, present: Value | undefined): (() => Value) | undefined {
  if (present === undefined) return causal ? unseen(g, notAfter(g, positions)) : undefined;
  return () => {
    const keys = g.reshape(present, [present.shape[0] ?? 1, 1, 1, positions]);
    const visible = causal ? g.mul(keys, g.cast(notAfter(g, positions), 'float32')) : keys;
    return g.mul(g.sub(1, visible), UNSEEN);
  };
}

/**
 * Attention without parameters of its own: samples `[positions, 3 * width]`, of each position query, key and value side by side, as a
 * `dense(3 * width)` makes them, to `[positions, width]`. Each head has its share of the width. Within `masked`, nobody sees padding, but in a sample that is padding alone.
 */
export function attentionHeads(heads: number, options: AttentionOptions = {}): Layer {
  const kind = `attentionHeads(${heads})`;
  checkInteger(kind, 'heads', heads, 1);
  checkLayerOptions(kind, options, ['causal', 'dropout']);
  const { causal = false, dropout = 0 } = options;
  checkProbability(kind, 'dropout', dropout);
  return defineLayer({
    kind,
    build(inputShape): BuiltLayer {
      const [positions, triple] = inputShape;
      if (positions === undefined || triple === undefined || inputShape.length !== 2 || triple % 3 !== 0) {
        throw shapeMismatch(kind, '[positions, 3 * width]', inputShape, 'put a dense(3 * width) before it');
      }
      const width = triple / 3;
      if (width % heads !== 0) throw indivisible(kind, heads, width, inputShape);
      return {
        outputShape: [positions, width],
        parameters: [],
        apply(g, x, _params, context) {
          const batch = x.shape[0]!;
          const size = width / heads;
          const byHead = (part: Value) => g.transpose(g.reshape(part, [batch, positions, heads, size]), [0, 2, 1, 3]);
          const [query, key, value] = g.split(x, -1, [width, width, width]).map(byHead) as [Value, Value, Value];
          const present = presentOf(kind, context, [positions, triple]);
          const weights = weightsOf(g, query, key, masks(g, causal, positions, present));
          const seen = g.matmul(dropped(g, weights, dropout, context), value);
          return g.reshape(g.transpose(seen, [0, 2, 1, 3]), [batch, positions, width]);
        },
      };
    },
  });
}

/** Bool `[positions, positions]`: whether the second is not after the first. */
function notAfter(g: Graph, positions: number): Value {
  const places = Float32Array.from({ length: positions }, (_, at) => at);
  return g.greaterOrEqual(g.constant(places, 'float32', [positions, 1]), g.constant(places, 'float32', [1, positions]));
}

/**
 * Self-attention of several heads: samples `[positions, width]` to the same. `in_proj_weight` is `[3 * width, width]`, queries first, then
 * keys and values, `in_proj_bias` `[3 * width]`, `out_proj.weight` `[width, width]`, `out_proj.bias` `[width]`: as
 * torch.nn.MultiheadAttention with batch_first, whose initial values it has too.
 */
export function multiHeadAttention(heads: number, options: AttentionOptions = {}): Layer {
  const attention = attentionHeads(heads, options);
  const kind = `multiHeadAttention(${heads})`;
  return defineLayer({
    kind,
    build(inputShape): BuiltLayer {
      const [positions, width] = inputShape;
      if (positions === undefined || width === undefined || inputShape.length !== 2) {
        throw shapeMismatch(kind, '[positions, width]', inputShape, 'put an embedding before it');
      }
      if (width % heads !== 0) throw indivisible(kind, heads, width, inputShape);
      const built = attention.build([positions, 3 * width]);
      return {
        outputShape: inputShape,
        parameters: projections(width),
        apply(g, x, params, context: LayerContext) {
          const by = (name: string, input: Value, bias: string) =>
            g.add(g.matmul(input, params.get(name)!, { transposeB: true }), params.get(bias)!);
          const seen = built.apply(g, by('in_proj_weight', x, 'in_proj_bias'), new Map(), context) as Value;
          return by('out_proj.weight', seen, 'out_proj.bias');
        },
      };
    },
  });
}

function projections(width: number): readonly LayerParameter[] {
  const inward = [3 * width, width] as const;
  return [
    { name: 'in_proj_weight', shape: inward, role: 'trained', initialize: glorotUniform(inward) },
    { name: 'in_proj_bias', shape: [3 * width], role: 'trained', initialize: filled([3 * width], 0) },
    {
      name: 'out_proj.weight',
      shape: [width, width],
      role: 'trained',
      initialize: uniformFanIn([width, width], width),
    },
    { name: 'out_proj.bias', shape: [width], role: 'trained', initialize: filled([width], 0) },
  ];
}

function indivisible(layer: string, heads: number, width: number, inputShape: readonly number[]): FedloomError {
  const message = `${layer} deals its width of ${width} out to ${heads} heads, and samples are ${shapeText(inputShape)}: choose a number of heads that divides it.`;
  return new FedloomError('layer.shape', message, { layer, expected: '[positions, width]', inputShape });
}
