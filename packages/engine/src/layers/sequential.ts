import { FedloomError } from '../errors.js';
import type { Value } from '../graph/value.js';
import type { BuiltLayer, BuiltModel, Layer, LayerParameter, Model } from './types.js';

/**
 * Layers one after the other. Parameters are named as in PyTorch's nn.Sequential, `<position>.weight`, where the
 * position counts every layer, also those without parameters.
 */
export function sequential(layers: readonly Layer[]): Model {
  if (layers.length === 0) {
    const message = 'sequential: the list of layers is empty; give at least one layer.';
    throw new FedloomError('layer.option', message, { layer: 'sequential', option: 'layers', value: layers });
  }
  return { build: (inputShape) => buildSequential(layers, inputShape) };
}

function buildSequential(layers: readonly Layer[], inputShape: readonly number[]): BuiltModel {
  const built: { readonly position: number; readonly label: string; readonly layer: BuiltLayer }[] = [];
  let shape = inputShape;
  for (const [position, layer] of layers.entries()) {
    const label = `${position}:${layer.kind}`;
    const one = buildAt(label, layer, shape);
    built.push({ position, label, layer: one });
    shape = one.outputShape;
  }
  return {
    outputShape: shape,
    parameters: built.flatMap(({ position, layer }) =>
      layer.parameters.map((parameter): LayerParameter => ({ ...parameter, name: `${position}.${parameter.name}` })),
    ),
    apply(g, x, params, context) {
      return built.reduce<Value>((input, { position, label, layer }) => {
        const own = new Map(layer.parameters.map(({ name }) => [name, params.get(`${position}.${name}`)!]));
        return g.scope(label, () => layer.apply(g, input, own, context));
      }, x);
    },
  };
}

/** Builds a layer; an error of its own gets the layer's place in the model. */
function buildAt(label: string, layer: Layer, inputShape: readonly number[]): BuiltLayer {
  try {
    return layer.build(inputShape);
  } catch (error) {
    if (!(error instanceof FedloomError)) throw error;
    throw error.reworded(`Layer ${label}: ${error.message}`, { layer: label });
  }
}
