import { buildList, type Layers, namedLayers } from './layer-list.js';
import type { Model } from './types.js';

/**
 * Layers one after the other. Parameters are named as in PyTorch's nn.Sequential, `<position>.weight`, where the
 * position counts every layer, also those without parameters; or by names of one's own, `sequential({ conv1: conv2d(...), ... })`.
 * @throws FedloomError `layer.option`
 */
export function sequential(layers: Layers): Model {
  const named = namedLayers('sequential', layers);
  return { build: (inputShape) => buildList(named, inputShape) };
}
