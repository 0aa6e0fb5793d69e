import { FedloomError } from '../errors.js';
import { elementCount } from '../tensor.js';
import { defineLayer } from './define.js';
import { checkInteger, shapeMismatch, shapeText, show } from './layer-checks.js';
import type { Layer } from './types.js';

/** Lays each sample out as one row, the last dimension running fastest. */
export function flatten(): Layer {
  return defineLayer({
    kind: 'flatten',
    build(inputShape) {
      const width = elementCount(inputShape);
      return {
        outputShape: [width],
        parameters: [],
        apply: (g, x) => (inputShape.length === 1 ? x : g.reshape(x, [x.shape[0]!, width])),
      };
    },
  });
}

/** Gives each sample another shape with as many elements, for instance `[1, 28, 28]` to a grey image. */
export function reshape(shape: readonly number[]): Layer {
  if (!Array.isArray(shape)) {
    const message = `reshape: the shape is ${show(shape)}; give a list, such as reshape([1, 28, 28]).`;
    throw new FedloomError('layer.option', message, { layer: 'reshape', option: 'shape', value: shape });
  }
  const kind = `reshape(${shapeText(shape)})`;
  for (const extent of shape) checkInteger(kind, 'extent', extent, 1);
  return defineLayer({
    kind,
    build(inputShape) {
      if (elementCount(shape) !== elementCount(inputShape)) {
        throw shapeMismatch(
          kind,
          `that holds ${elementCount(shape)} elements`,
          inputShape,
          `which holds ${elementCount(inputShape)}; the two must be equal`,
        );
      }
      return {
        outputShape: [...shape],
        parameters: [],
        apply: (g, x) => g.reshape(x, [x.shape[0]!, ...shape]),
      };
    },
  });
}
