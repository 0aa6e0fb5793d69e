import { FedloomError } from '../errors.js';
import type { Value } from '../graph/value.js';
import { shapeText, show } from './layer-checks.js';
import type { BuiltLayer, BuiltModel, Layer, LayerParameter, LayerResult, Model } from './types.js';

/**
 * Layers one after the other. Parameters are named as in PyTorch's nn.Sequential, `<position>.weight`, where the
 * position counts every layer, also those without parameters.
 */
export function sequential(layers: readonly Layer[]): Model {
  checkLayers(layers);
  return { build: (inputShape) => buildSequential(layers, inputShape) };
}

function checkLayers(layers: readonly Layer[]): void {
  if (!Array.isArray(layers) || layers.length === 0) {
    const given = Array.isArray(layers) ? 'the list of layers is empty' : `the layers are ${show(layers)}`;
    const message = `sequential: ${given}; give a list of at least one, such as sequential([dense(10)]).`;
    throw new FedloomError('layer.option', message, { layer: 'sequential', option: 'layers', value: layers });
  }
  for (const [position, layer] of layers.entries()) {
    if (typeof layer?.build === 'function') continue;
    const remedy =
      typeof layer === 'function' ? 'call it, as in dense(10) or relu()' : 'give what dense(10) or relu() return';
    const message = `sequential: layer ${position} is ${show(layer)}; ${remedy}.`;
    throw new FedloomError('layer.option', message, {
      layer: 'sequential',
      option: `layers[${position}]`,
      value: layer,
    });
  }
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
      const buffers = new Map<string, Value>();
      const output = built.reduce<Value>((input, { position, label, layer }) => {
        const own = new Map(layer.parameters.map(({ name }) => [name, params.get(`${position}.${name}`)!]));
        return g.scope(label, () => {
          const result = layer.apply(g, input, own, context);
          if (!hasBuffers(result)) return checkedValue(label, result, input, layer.outputShape);
          for (const [name, value] of checkedBuffers(label, result, own, layer))
            buffers.set(`${position}.${name}`, value);
          return checkedValue(label, result.output, input, layer.outputShape);
        });
      }, x);
      return buffers.size === 0 ? output : { output, buffers };
    },
  };
}

/** Builds a layer; an error of its own gets the layer's place in the model. */
function buildAt(label: string, layer: Layer, inputShape: readonly number[]): BuiltLayer {
  try {
    return checkedLayer(layer.build(inputShape));
  } catch (error) {
    if (!(error instanceof FedloomError)) throw error;
    throw error.reworded(`Layer ${label}: ${error.message}`, { layer: label });
  }
}

/** What `build` of a layer of one's own gave. */
function checkedLayer(built: BuiltLayer): BuiltLayer {
  const { outputShape, parameters, apply } = built ?? {};
  if (Array.isArray(outputShape) && Array.isArray(parameters) && typeof apply === 'function') return built;
  const given = built === undefined || built === null ? show(built) : `{ ${Object.keys(built).join(', ')} }`;
  const message = `build returned ${given}; it must return { outputShape, parameters, apply }, the first two of them lists.`;
  throw new FedloomError('layer.definition', message, { field: 'build' });
}

/** What `apply` of a layer of one's own gave. */
function checkedValue(label: string, value: Value, input: Value, outputShape: readonly number[]): Value {
  const expected = [input.shape[0], ...outputShape];
  if (value?.node !== undefined && value.shape.join() === expected.join()) return value;
  const given = value?.node === undefined ? show(value) : `a value of shape ${shapeText(value.shape)}`;
  const message = `Layer ${label}: apply returned ${given}; by the outputShape of its build it must be of shape ${shapeText(expected.map(String))}.`;
  throw new FedloomError('layer.definition', message, { field: 'apply' });
}

function hasBuffers(result: Value | LayerResult): result is LayerResult {
  return typeof result === 'object' && result !== null && 'buffers' in result;
}

/** What `apply` of a layer of one's own gave for its buffers. */
function checkedBuffers(
  label: string,
  { buffers }: LayerResult,
  before: ReadonlyMap<string, Value>,
  { parameters }: BuiltLayer,
): ReadonlyMap<string, Value> {
  const given = buffers instanceof Map ? buffers : new Map<string, Value>([['buffers', undefined as unknown as Value]]);
  for (const [name, value] of given) {
    const known = parameters.some((parameter) => parameter.name === name && parameter.role === 'buffer');
    const shape = shapeText((before.get(name)?.shape ?? []).map(String));
    if (known && value?.node !== undefined && shapeText(value.shape) === shape) continue;
    const message = known
      ? `Layer ${label}: apply returned ${value?.node === undefined ? show(value) : `a value of shape ${shapeText(value.shape)}`} for its buffer ${name}; it must be of shape ${shape}.`
      : `Layer ${label}: apply returned a new value for ${name}, which is no buffer of it: give { output, buffers }, buffers a Map by the names of its parameters of role 'buffer'.`;
    throw new FedloomError('layer.definition', message, { field: 'apply' });
  }
  return buffers;
}
