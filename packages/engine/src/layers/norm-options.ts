import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { filled } from './initializers.js';
import { show } from './layer-checks.js';
import type { LayerParameter } from './types.js';

export interface NormOptions {
  /** Added to variances. Default 1e-5. */
  readonly epsilon?: number;
  /** Whether the result is multiplied by a trained `weight` and gets a trained `bias`. Default true, false for `instanceNorm`. */
  readonly affine?: boolean;
}

/** @throws FedloomError `layer.option` */
export function checkNormOptions(
  layer: string,
  { epsilon = 1e-5, affine: isAffine = true }: NormOptions,
): { readonly epsilon: number; readonly isAffine: boolean } {
  if (typeof epsilon !== 'number' || !(epsilon > 0 && epsilon < Number.POSITIVE_INFINITY)) {
    const message = `${layer}: epsilon is ${show(epsilon)}; it must be a finite number above 0.`;
    throw new FedloomError('layer.option', message, { layer, option: 'epsilon', value: epsilon });
  }
  return { epsilon, isAffine };
}

/** The trained factor and summand of a norm: `weight`, which starts at 1, and `bias`, at 0; of this shape. */
export function affine(shape: readonly number[], isAffine: boolean) {
  const parameters: readonly LayerParameter[] = isAffine
    ? [
        { name: 'weight', shape, role: 'trained', initialize: filled(shape, 1) },
        { name: 'bias', shape, role: 'trained', initialize: filled(shape, 0) },
      ]
    : [];
  return {
    parameters,
    /** @param as the shape in which they broadcast over `x` */
    apply(g: Graph, x: Value, params: ReadonlyMap<string, Value>, as: readonly number[]): Value {
      const [weight, bias] = [params.get('weight'), params.get('bias')];
      if (weight === undefined || bias === undefined) return x;
      return g.add(g.mul(x, g.reshape(weight, as)), g.reshape(bias, as));
    },
  };
}
