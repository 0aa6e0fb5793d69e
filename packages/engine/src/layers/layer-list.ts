import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { shapeText, show } from './layer-checks.js';
import type { BuiltLayer, Layer, LayerContext, LayerParameter, LayerResult } from './types.js';

/** Layers one after the other, named by their positions, or by names of one's own: as nn.Sequential of an OrderedDict. */
export type Layers = readonly Layer[] | Readonly<Record<string, Layer>>;

/** A name is part of the names of tensors: no dot. Numbers would come before all others, in their own order. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Layers with their names, in their order.
 * @param of what they are part of, for messages @throws FedloomError `layer.option`
 */
export function namedLayers(of: string, layers: Layers): readonly (readonly [string, Layer])[] {
  const isList = Array.isArray(layers);
  // One layer in place of a list is a mistake, not layers with the names `kind` and `build`.
  const isRecord = !isList && typeof layers === 'object' && layers !== null && !('build' in layers);
  const entries = isList || isRecord ? Object.entries(layers as Readonly<Record<string, Layer>>) : [];
  if (entries.length === 0) {
    const given = isList ? 'the list of layers is empty' : `the layers are ${show(layers)}`;
    const message = `${of}: ${given}; give a list of at least one, such as ${of}([dense(10)]).`;
    throw new FedloomError('layer.option', message, { layer: of, option: 'layers', value: layers });
  }
  for (const [name, layer] of entries) {
    if (isRecord && !NAME.test(name)) {
      const message = `${of}: a layer is named ${show(name)}; give a name of letters, digits and _ that begins with a letter.`;
      throw new FedloomError('layer.option', message, { layer: of, option: 'layers', value: name });
    }
    if (typeof layer?.build === 'function') continue;
    const remedy =
      typeof layer === 'function' ? 'call it, as in dense(10) or relu()' : 'give what dense(10) or relu() return';
    const message = `${of}: layer ${name} is ${show(layer)}; ${remedy}.`;
    throw new FedloomError('layer.option', message, { layer: of, option: `layers[${name}]`, value: layer });
  }
  return entries;
}

/** A layer within another: its parameters have this name before theirs. */
export interface Part {
  readonly name: string;
  readonly label: string;
  readonly built: BuiltLayer;
}

/** Builds a part; an error of its own gets its place in the model. @param name empty: its parameters keep their names */
export function buildPart(name: string, layer: Layer, inputShape: readonly number[]): Part {
  const label = name === '' ? layer.kind : `${name}:${layer.kind}`;
  try {
    return { name, label, built: checkedLayer(layer.build(inputShape)) };
  } catch (error) {
    if (!(error instanceof FedloomError)) throw error;
    throw error.reworded(`Layer ${label}: ${error.message}`, { layer: label });
  }
}

/** Layers one after the other as one. */
export function buildList(layers: readonly (readonly [string, Layer])[], inputShape: readonly number[]): BuiltLayer {
  const parts: Part[] = [];
  let shape = inputShape;
  for (const [name, layer] of layers) {
    const part = buildPart(name, layer, shape);
    parts.push(part);
    shape = part.built.outputShape;
  }
  return {
    outputShape: shape,
    parameters: parts.flatMap(parametersOf),
    apply: (g, x, params, context) =>
      collecting((buffers) => parts.reduce((input, part) => applyPart(part, g, input, params, context, buffers), x)),
  };
}

/** A part's parameters by their names outside of it. */
export function parametersOf({ name, built }: Part): LayerParameter[] {
  return built.parameters.map((parameter) => ({ ...parameter, name: joined(name, parameter.name) }));
}

/** What a layer of parts gives: the value that `build` makes, and the buffers that its parts put into the map. */
export function collecting(build: (buffers: Map<string, Value>) => Value): Value | LayerResult {
  const buffers = new Map<string, Value>();
  const output = build(buffers);
  return buffers.size === 0 ? output : { output, buffers };
}

/**
 * Applies a part within the layer that it is part of.
 * @param params by the names outside of the part @param buffers is given the new values of its buffers, likewise
 */
export function applyPart(
  { name, label, built }: Part,
  g: Graph,
  x: Value,
  params: ReadonlyMap<string, Value>,
  context: LayerContext,
  buffers: Map<string, Value>,
): Value {
  const own = new Map(built.parameters.map((parameter) => [parameter.name, params.get(joined(name, parameter.name))!]));
  return g.scope(label, () => {
    const result = built.apply(g, x, own, context);
    if (!hasBuffers(result)) return checkedValue(label, result, x, built.outputShape);
    for (const [buffer, value] of checkedBuffers(label, result, own, built)) buffers.set(joined(name, buffer), value);
    return checkedValue(label, result.output, x, built.outputShape);
  });
}

function joined(part: string, name: string): string {
  return part === '' ? name : `${part}.${name}`;
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
