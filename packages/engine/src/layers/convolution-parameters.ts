import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { uniformFanIn } from './initializers.js';
import { checkInteger } from './layer-checks.js';
import type { LayerParameter } from './types.js';

/**
 * `weight`, and `bias` `[filters]`, drawn as PyTorch draws them for its convolutions: by what one slice of the weight along its first
 * axis holds, for transposed convolutions too.
 */
export function convolutionParameters(
  weightShape: readonly number[],
  filters: number,
  bias: boolean,
): readonly LayerParameter[] {
  const fanIn = weightShape.slice(1).reduce((product, extent) => product * extent, 1);
  const parameter = (name: string, shape: readonly number[]): LayerParameter => ({
    name,
    shape,
    role: 'trained',
    initialize: uniformFanIn(shape, fanIn),
  });
  return [parameter('weight', weightShape), ...(bias ? [parameter('bias', [filters])] : [])];
}

/** Images `[N, filters, H, W]` plus the bias of each filter, where there is one. */
export function withBiasOf(g: Graph, images: Value, params: ReadonlyMap<string, Value>): Value {
  const bias = params.get('bias');
  return bias === undefined ? images : g.add(images, g.reshape(bias, [images.shape[1] ?? 1, 1, 1]));
}

/** @throws FedloomError `layer.option` where the filters cannot be parted into these groups */
export function checkGroups(layer: string, groups: number, filters: number): void {
  checkInteger(layer, 'groups', groups, 1);
  if (filters % groups === 0) return;
  const message = `${layer}: groups is ${groups}, which does not divide the ${filters} filters; give a number that does.`;
  throw new FedloomError('layer.option', message, { layer, option: 'groups', value: groups });
}
