import { FedloomError } from '../errors.js';
import { defineLayer } from './define.js';
import { frozen } from './frozen.js';
import { filled, uniformFanIn } from './initializers.js';
import { checkInteger, checkLayerOptions, shapeText, show } from './layer-checks.js';
import type { Layer, LayerParameter } from './types.js';

export interface LoraOptions {
  /** Columns of the small matrices, at least 1. */
  readonly rank: number;
  /** What is learned counts alpha / rank times. Default: the rank, so once. */
  readonly alpha?: number;
}

/**
 * A layer, or a block of layers, that is not trained itself: each of its weight matrices W `[outputs, inputs]` gets two small ones that
 * are, and counts as W + alpha / rank B A, `lora_A` `[rank, inputs]`, `lora_B` `[outputs, rank]` (Hu et al. 2022, arXiv 2106.09685). They alone
 * travel with updates. B starts at zero, so that training begins with the layer as it is; names are those of loralib.
 * @throws FedloomError `layer.option`, `layer.shape` where it has no weight matrix, or one smaller than the rank
 */
export function lora(layer: Layer, options: LoraOptions): Layer {
  if (typeof layer?.build !== 'function') {
    const message = `lora: the layer is ${show(layer)}; give what dense(10), say, returns.`;
    throw new FedloomError('layer.option', message, { layer: 'lora', option: 'layer', value: layer });
  }
  const kind = `lora(${layer.kind})`;
  checkLayerOptions(kind, options, ['rank', 'alpha']);
  const { rank, alpha = rank } = options;
  checkInteger(kind, 'rank', rank, 1);
  if (typeof alpha !== 'number' || !(alpha > 0 && alpha < Number.POSITIVE_INFINITY)) {
    const message = `${kind}: alpha is ${show(alpha)}; it must be a finite number above 0.`;
    throw new FedloomError('layer.option', message, { layer: kind, option: 'alpha', value: alpha });
  }
  const still = frozen(layer);
  return defineLayer({
    kind,
    build(inputShape) {
      const adapted = layer
        .build(inputShape)
        .parameters.filter(({ role, shape }) => role === 'trained' && shape.length === 2);
      const small = adapted.find(({ shape }) => shape.some((extent) => extent < rank));
      if (adapted.length === 0 || small !== undefined) {
        const what = small === undefined ? 'has no weight matrix' : `has ${small.name} of ${shapeText(small.shape)}`;
        const remedy = small === undefined ? 'use frozen()' : 'choose a smaller rank';
        const message = `${kind} of rank ${rank} ${what}: ${remedy}.`;
        throw new FedloomError('layer.shape', message, { layer: kind, expected: 'a weight matrix', inputShape });
      }
      const built = still.build(inputShape);
      return {
        ...built,
        parameters: [...built.parameters, ...adapted.flatMap((parameter) => matrices(parameter, rank))],
        apply(g, x, params, context) {
          const changed = new Map(params);
          for (const { name } of adapted) {
            const [a, b] = [params.get(adapterName(name, 'A'))!, params.get(adapterName(name, 'B'))!];
            changed.set(name, g.add(params.get(name)!, g.mul(g.matmul(b, a), alpha / rank)));
          }
          return built.apply(g, x, changed, context);
        },
      };
    },
  });
}

function matrices({ name, shape }: LayerParameter, rank: number): LayerParameter[] {
  const [outputs = 1, inputs = 1] = shape;
  const [shapeA, shapeB] = [
    [rank, inputs],
    [outputs, rank],
  ];
  return [
    { name: adapterName(name, 'A'), shape: shapeA, role: 'trained', initialize: uniformFanIn(shapeA, inputs) },
    { name: adapterName(name, 'B'), shape: shapeB, role: 'trained', initialize: filled(shapeB, 0) },
  ];
}

/** `0.weight` → `0.lora_A`; `in_proj_weight` → `in_proj_weight_lora_A`. */
function adapterName(name: string, part: 'A' | 'B'): string {
  return /(^|\.)weight$/.test(name) ? name.replace(/weight$/, `lora_${part}`) : `${name}_lora_${part}`;
}
