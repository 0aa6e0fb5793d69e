import { Graph } from '../graph/graph.js';
import type { Loss, Model } from '../layers/types.js';
import { toOnnx } from '../onnx/serialize.js';
import { preprocess } from './batches.js';
import { INFERENCE_INPUT, modelFields, withMetadata } from './bound-model.js';
import { applyModel, evaluationContext } from './layer-context.js';
import { lossContext } from './loss-context.js';
import type { DataSpec } from './manifest.js';

/** What people call what a model takes and tells apart. */
export interface InferenceNames {
  /** Of a sample with one axis, in the order of x: the columns of a table, for instance. */
  readonly inputs?: readonly string[];
  /** In the order of their labels. */
  readonly classes?: readonly string[];
}

/** What predictions are made of. */
export interface InferenceSource {
  readonly name: string;
  readonly model: Model;
  readonly data: DataSpec;
  readonly loss: Loss;
  /** Written into the metadata, for whoever uses the model elsewhere. */
  readonly names?: InferenceNames;
}

/** The name of the output that each model has: what its last layer gives, `[batch, ...]`. */
export const INFERENCE_OUTPUT = 'prediction';

/** The metadata that says what the input must be: a `DataSpec` as JSON. */
const DATA = 'fedloom.data';
const TASK = 'fedloom.task';
/** Each a list of texts as JSON; absent where there are no names. */
const INPUTS = 'fedloom.inputs';
const CLASSES = 'fedloom.classes';

/**
 * The ONNX model that predicts for raw samples, any number at a time: preprocessing and model, in evaluation. Its
 * parameters are inputs of their names, until `bindParameters` gives them values. Beside `prediction` it has the
 * outputs that the loss names (`Loss.readings`). Equal sources give equal bytes.
 *
 * @throws FedloomError `layer.shape`, `graph.shape`
 */
export function compileInference({ name, model, data, loss, names = {} }: InferenceSource): Uint8Array {
  const built = model.build(data.x.shape);
  const g = new Graph();
  const x = g.input(INFERENCE_INPUT, data.x.dtype, ['batch', ...data.x.shape]);
  const parameters = new Map(
    built.parameters.map((parameter) => [parameter.name, g.input(parameter.name, 'float32', parameter.shape)]),
  );
  const everyRow = () => g.expand(g.constant(1, 'float32'), ['batch']);
  const { output: prediction } = applyModel(
    built,
    g,
    preprocess(g, x, data.x),
    parameters,
    evaluationContext(everyRow),
  );
  g.output(INFERENCE_OUTPUT, prediction);
  const readings = loss.readings?.(g, prediction, lossContext(data, built)) ?? {};
  for (const [reading, value] of Object.entries(readings)) g.output(reading, value);
  const { inputs, classes } = names;
  return withMetadata(toOnnx(g, { name }), {
    [TASK]: name,
    [DATA]: JSON.stringify(data),
    ...(inputs && { [INPUTS]: JSON.stringify(inputs) }),
    ...(classes && { [CLASSES]: JSON.stringify(classes) }),
  });
}

/** What an ONNX model that `compileInference` made says of itself. */
export interface InferenceInfo {
  readonly task: string;
  readonly data: DataSpec;
  readonly names: InferenceNames;
  /** Names of what it gives. */
  readonly outputs: readonly string[];
  /** All of its metadata. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Undefined for bytes that are no such model. */
export function inferenceInfo(onnx: Uint8Array): InferenceInfo | undefined {
  try {
    const { metadata, outputs } = modelFields(onnx);
    const data = metadata[DATA];
    if (data === undefined) return undefined;
    const [inputs, classes] = [metadata[INPUTS], metadata[CLASSES]];
    const names = {
      ...(inputs !== undefined && { inputs: JSON.parse(inputs) as readonly string[] }),
      ...(classes !== undefined && { classes: JSON.parse(classes) as readonly string[] }),
    };
    return { task: metadata[TASK] ?? '', data: JSON.parse(data) as DataSpec, names, outputs, metadata };
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
