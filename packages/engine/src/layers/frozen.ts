import { FedloomError } from '../errors.js';
import { defineLayer } from './define.js';
import { show } from './layer-checks.js';
import type { Layer } from './types.js';

/**
 * A layer whose parameters are not trained: gradients pass through it, its values stay what the run begins with. They travel
 * to each client once, in place of with every version of the model. Whatever it keeps as a buffer goes on changing.
 *
 * @example sequential([frozen(dense(128)), relu(), dense(10)])
 */
export function frozen(layer: Layer): Layer {
  if (typeof layer?.build !== 'function') {
    const message = `frozen: the layer is ${show(layer)}; give what dense(10), say, returns.`;
    throw new FedloomError('layer.option', message, { layer: 'frozen', option: 'layer', value: layer });
  }
  return defineLayer({
    kind: `frozen(${layer.kind})`,
    build(inputShape) {
      const built = layer.build(inputShape);
      const parameters = built.parameters.map((parameter) =>
        parameter.role === 'trained' ? { ...parameter, role: 'frozen' as const } : parameter,
      );
      return { ...built, parameters };
    },
  });
}
