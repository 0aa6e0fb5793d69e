import { FedloomError } from '../errors.js';
import { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { optionsProblem, shapeText, show } from '../layers/layer-checks.js';
import type { BuiltModel, LayerContext, Model } from '../layers/types.js';
import { evaluationContext } from '../plan/layer-context.js';
import type { DType } from '../tensor.js';
import { Constants, withoutAliases } from './constants.js';
import { withEmptyRows } from './empty-rows.js';
import { type Entry, isKnown, type Rule, Step, sized, Unsupported } from './entries.js';
import { type InputFile, type ModelFile, type NodeFile, readModelFile } from './read-file.js';
import { activations } from './rules/activations.js';
import { arithmetic, same } from './rules/arithmetic.js';
import { convolutions } from './rules/convolutions.js';
import { products } from './rules/einsum.js';
import { indexing } from './rules/indexing.js';
import { layers } from './rules/layers.js';
import { logic } from './rules/logic.js';
import { pads } from './rules/pads.js';
import { pools } from './rules/pools.js';
import { recurrentLayers } from './rules/recurrent.js';
import { reductions } from './rules/reductions.js';
import { resizing } from './rules/resize.js';
import { shapes } from './rules/shapes.js';

export interface OnnxModelOptions {
  /** Which of its float constants are trained: all (default), or those whose name fits. The others are frozen: they travel once. */
  readonly trained?: RegExp | ((name: string) => boolean);
  /** Which of several outputs is the prediction; what is made for others alone is left out. Default: the only one. */
  readonly output?: string;
}

/** Softmax means something else in operator sets before it. */
const OPSET_LEAST = 13;

/** Bytes come as float32, with or without a scale of the data's, and integers as int32. */
const INPUT_DTYPES: ReadonlySet<DType> = new Set(['float32', 'int32', 'int64', 'uint8']);

const rules: Readonly<Record<string, Rule>> = {
  ...activations,
  ...arithmetic,
  ...convolutions,
  ...indexing,
  ...layers,
  ...logic,
  ...pads,
  ...pools,
  ...products,
  ...recurrentLayers,
  ...reductions,
  ...resizing,
  ...shapes,
  Identity: same,
};

/**
 * A model to train from a forward model in ONNX, as PyTorch's exporters write it. Its parameters are the file's float32 constants that have
 * a shape, with their names, and begin with its values; running statistics of batch norms are buffers, which change in training. Gradients
 * come from the engine's own rules.
 * @param bytes of the file, with all constants in it @param name of the file, for messages
 * @throws FedloomError `onnx.format` for what cannot be read, or has several inputs; `onnx.operators` naming those that have no
 * rule, with all places where they stand
 */
export function modelFromOnnx(bytes: Uint8Array, options: OnnxModelOptions = {}, name = 'the ONNX model'): Model {
  const problem = optionsProblem('onnxModel', options, ['trained', 'output']);
  if (problem !== undefined) throw new FedloomError('onnx.format', problem, { file: name });
  const file = readChecked(bytes, options.output, name);
  const isTrained = patternOf(options.trained);
  const constants = new Constants(file, isTrained);
  return {
    build(inputShape): BuiltModel {
      const input = file.inputs[0] as InputFile;
      checkInput(input, inputShape, name);
      const g = new Graph();
      const dtype = input.dtype === 'float32' || input.dtype === 'uint8' ? 'float32' : 'int32';
      const params = new Map(
        constants.parameters.map((parameter) => [parameter.name, g.input(parameter.name, 'float32', parameter.shape)]),
      );
      const x = g.input('input x', dtype, ['batch', ...inputShape]);
      const { output } = applyFile(
        file,
        constants,
        name,
        g,
        x,
        params,
        evaluationContext(() => g.constant([1], 'float32')),
      );
      const [batch, ...outputShape] = output.shape;
      if (batch !== 'batch' || outputShape.some((extent) => typeof extent !== 'number')) {
        const message = `${name} gives [${output.shape.join(', ')}] of samples ${shapeText(inputShape)}: its first axis must be that of the samples. Export it with a dynamic first axis.`;
        throw new FedloomError('onnx.format', message, { file: name });
      }
      return {
        outputShape: outputShape.map(Number),
        parameters: constants.parameters,
        apply(graph, value, values, context) {
          const result = applyFile(file, constants, name, graph, value, values, context);
          return result.buffers.size === 0 ? result.output : result;
        },
      };
    },
  };
}

function readChecked(bytes: Uint8Array, output: string | undefined, name: string): ModelFile {
  const wrong = (what: string, cause?: unknown) =>
    new FedloomError('onnx.format', `${name} cannot be trained: ${what}.`, { file: name }, { cause });
  let file: ModelFile;
  try {
    file = withEmptyRows(withoutAliases(readModelFile(bytes)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw wrong(`it is no ONNX model that can be read, ${error.message}`, error);
  }
  if (file.opset < OPSET_LEAST) {
    throw wrong(`it is of operator set ${file.opset}; export it with opset_version=${OPSET_LEAST} or more`);
  }
  const names = (of: readonly string[]) => of.join(', ') || 'none';
  if (file.inputs.length !== 1)
    throw wrong(`it must have one input, and has ${names(file.inputs.map((one) => one.name))}`);
  for (const { name: input, dtype } of file.inputs) {
    if (dtype === undefined || !INPUT_DTYPES.has(dtype)) {
      throw wrong(
        `its input ${input} is of ${dtype ?? 'a type that no data have'}: export it with samples of float32 or int64`,
      );
    }
  }
  const chosen = output ?? file.outputs[0] ?? '';
  if (output === undefined && file.outputs.length !== 1) {
    throw wrong(`it has the outputs ${names(file.outputs)}: name that of the predictions by \`output\``);
  }
  if (!file.outputs.includes(chosen)) throw wrong(`it has no output ${chosen}, but ${names(file.outputs)}`);
  const needed = { ...file, outputs: [chosen], nodes: nodesFor(file.nodes, chosen) };
  refuseUnknown(needed.nodes, name);
  return needed;
}

/** Those that an output follows from, in their order. */
function nodesFor(nodes: readonly NodeFile[], output: string): readonly NodeFile[] {
  const wanted = new Set([output]);
  const kept: NodeFile[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((one) => wanted.has(one))) continue;
    for (const one of node.inputs) wanted.add(one);
    kept.push(node);
  }
  return kept.reverse();
}

function refuseUnknown(nodes: readonly NodeFile[], name: string): void {
  const unknown = new Map<string, string[]>();
  for (const node of nodes) {
    const standard = node.domain === '' || node.domain === 'ai.onnx';
    if (standard && Object.hasOwn(rules, node.op)) continue;
    const op = standard ? node.op : `${node.domain}.${node.op}`;
    const places = unknown.get(op) ?? [];
    places.push(placeOf(node));
    unknown.set(op, places);
  }
  if (unknown.size === 0) return;
  const lines = [...unknown].map(([op, places]) => `\n  ${op}: ${places.join(', ')}`);
  const message = `${name} has operators that cannot be trained:${lines.join('')}\nWrite these parts of the model otherwise and export it again.`;
  throw new FedloomError('onnx.operators', message, { file: name, operators: Object.fromEntries(unknown) });
}

function placeOf({ name, outputs }: NodeFile): string {
  return name === '' ? `what makes ${outputs[0]}` : name;
}

function patternOf(trained: OnnxModelOptions['trained']): (name: string) => boolean {
  if (trained === undefined) return () => true;
  if (typeof trained === 'function') return trained;
  if (trained instanceof RegExp)
    return (name) => new RegExp(trained.source, trained.flags.replace(/[gy]/g, '')).test(name);
  const message = `onnxModel: trained is ${show(trained)}; it must be a pattern such as /^fc\\./, or a function of a parameter's name.`;
  throw new FedloomError('onnx.format', message, { file: 'trained' });
}

function checkInput({ name, shape }: InputFile, inputShape: readonly number[], file: string): void {
  const wanted = shape.slice(1);
  const fits =
    wanted.length === inputShape.length &&
    wanted.every((extent, axis) => typeof extent === 'string' || extent === inputShape[axis]);
  if (fits) return;
  const message = `${file} takes samples of shape ${shapeText(wanted)} (its input ${name}), but gets ${shapeText(inputShape)}: give the data that shape.`;
  throw new FedloomError('layer.shape', message, { layer: file, expected: shapeText(wanted), inputShape });
}

function applyFile(
  file: ModelFile,
  constants: Constants,
  name: string,
  g: Graph,
  x: Value,
  params: ReadonlyMap<string, Value>,
  context: LayerContext,
): { readonly output: Value; readonly buffers: ReadonlyMap<string, Value> } {
  const [input] = file.inputs as readonly [InputFile];
  const [output] = file.outputs as readonly [string];
  const fixedBatch = typeof input.shape[0] === 'number' ? input.shape[0] : undefined;
  const entries = new Map<string, Entry>([...constants.known, [input.name, x]]);
  for (const [constant, own] of constants.names) entries.set(constant, params.get(own) as Value);
  const buffers = new Map<string, Value>();
  for (const node of file.nodes) {
    const given = node.inputs.map((one) => (one === '' ? undefined : entries.get(one)));
    const missing = node.inputs.find((one) => one !== '' && !entries.has(one));
    const step = new Step(g, node, given, context, fixedBatch, buffers);
    const made = g.scope(placeOf(node), () => {
      try {
        if (missing !== undefined) throw new Unsupported(`takes ${missing}, which nothing makes`);
        return sized((rules[node.op] as Rule)(step));
      } catch (error) {
        const why = whyNot(error);
        if (why === undefined) throw error;
        const message = `${name} cannot be trained: its ${node.op} (${placeOf(node)}) ${why}.`;
        throw new FedloomError('onnx.operators', message, { file: name, operators: { [node.op]: [placeOf(node)] } });
      }
    });
    for (const [at, entry] of made.entries()) {
      const place = node.outputs[at];
      if (place !== undefined && place !== '') entries.set(place, entry);
    }
  }
  const found = entries.get(output);
  if (found === undefined || isKnown(found)) {
    throw new FedloomError('onnx.format', `${name} gives ${output}, which does not follow from its input.`, {
      file: name,
    });
  }
  const named = [...buffers].map(([buffer, value]) => [constants.names.get(buffer) as string, value] as const);
  return { output: found, buffers: new Map(named) };
}

/** What a node lacks; undefined: the error is of another kind. */
function whyNot(error: unknown): string | undefined {
  if (error instanceof Unsupported) return error.message;
  // Of a list whose length comes from the file.
  return error instanceof RangeError ? `has no such size (${error.message})` : undefined;
}
