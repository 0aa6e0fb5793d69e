import { PbfWriter } from 'pbf';
import { FedloomError } from '../errors.js';
import { writeTensor } from '../onnx/write.js';
import type { NamedTensors, Tensor } from '../tensor.js';
import { concatenated, lengthDelimited, wireFields } from './protobuf-fields.js';

// Field numbers of onnx.proto.
const MODEL = { producerVersion: 3, graph: 7, metadata: 14 } as const;
const GRAPH = { initializer: 5, input: 11, output: 12 } as const;
const VALUE_NAME = 1;
const METADATA = { key: 1, value: 2 } as const;

/** Protobuf, and so ONNX without files beside it, holds no more. */
const BYTES_MAX = 2 ** 31 - 1;

/** The name of the one input that is no parameter: samples as clients hold them, `[batch, ...]`. */
export const INFERENCE_INPUT = 'x';

const text = new TextDecoder();

/** What of an ONNX model is looked at here. @throws RangeError for bytes that are no message */
export function modelFields(onnx: Uint8Array): {
  readonly metadata: Readonly<Record<string, string>>;
  readonly outputs: readonly string[];
} {
  const metadata: Record<string, string> = {};
  const outputs: string[] = [];
  for (const { number, bytes } of wireFields(onnx)) {
    if (bytes === undefined) continue;
    if (number === MODEL.graph) outputs.push(...outputsOf(bytes));
    if (number !== MODEL.metadata) continue;
    const entry = stringsIn(bytes);
    const key = entry.get(METADATA.key);
    if (key !== undefined) metadata[key] = entry.get(METADATA.value) ?? '';
  }
  return { metadata, outputs };
}

function outputsOf(graph: Uint8Array): string[] {
  return [...wireFields(graph)].flatMap(({ number, bytes }) =>
    number === GRAPH.output && bytes !== undefined ? (stringsIn(bytes).get(VALUE_NAME) ?? []) : [],
  );
}

/** An ONNX model with further metadata. */
export function withMetadata(onnx: Uint8Array, metadata: Readonly<Record<string, string>>): Uint8Array {
  return concatenated([onnx, ...Object.entries(metadata).map(metadataEntry)]);
}

export interface BoundModelOptions {
  /** Written beside what the model has already. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Of the software that writes it. */
  readonly producerVersion?: string;
}

/**
 * The model of `compileInference` with values for its parameters, which are inputs no more: whole, for any runtime.
 * @param parameters exactly those of the model, in the shapes that it has
 * @throws FedloomError `onnx.parameters` naming what is missing or too many; `onnx.size` for more than a file can hold
 */
export function bindParameters(
  onnx: Uint8Array,
  parameters: NamedTensors,
  { metadata = {}, producerVersion }: BoundModelOptions = {},
): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { number, bytes, raw } of wireFields(onnx)) {
    if (number !== MODEL.graph || bytes === undefined) parts.push(raw);
    else parts.push(lengthDelimited(MODEL.graph, ...boundGraph(bytes, parameters)));
  }
  if (producerVersion !== undefined) parts.push(lengthDelimited(MODEL.producerVersion, producerVersion));
  return concatenated([...parts, ...Object.entries(metadata).map(metadataEntry)]);
}

function boundGraph(graph: Uint8Array, parameters: NamedTensors): Uint8Array[] {
  const kept: Uint8Array[] = [];
  const bound = new Map<string, Tensor>();
  const missing: string[] = [];
  for (const { number, bytes, raw } of wireFields(graph)) {
    const name = number === GRAPH.input && bytes !== undefined ? stringsIn(bytes).get(VALUE_NAME) : undefined;
    const value = name === undefined ? undefined : parameters.get(name);
    if (name !== undefined && value !== undefined) bound.set(name, value);
    else kept.push(raw);
    if (name !== undefined && value === undefined && name !== INFERENCE_INPUT) missing.push(name);
  }
  if (missing.length > 0) throw mismatch(missing.sort(), 'are missing');
  const surplus = [...parameters.keys()].filter((name) => !bound.has(name));
  if (surplus.length > 0) throw mismatch(surplus, 'are not of this model');
  const bytes = [...bound.values()].reduce((sum, { data }) => sum + data.byteLength, graph.length);
  if (bytes > BYTES_MAX) {
    const message = `The model has ${bytes} bytes, and an ONNX file holds at most ${BYTES_MAX}: write its parameters as safetensors.`;
    throw new FedloomError('onnx.size', message, { bytes, most: BYTES_MAX });
  }
  return [...kept, ...[...bound].map(([name, tensor]) => initializer(name, tensor))];
}

function initializer(name: string, tensor: Tensor): Uint8Array {
  const writer = new PbfWriter();
  writer.writeMessage(GRAPH.initializer, (value, pbf) => writeTensor(value, name, pbf), tensor);
  return writer.finish();
}

function metadataEntry([key, value]: readonly [string, string]): Uint8Array {
  return lengthDelimited(MODEL.metadata, lengthDelimited(METADATA.key, key), lengthDelimited(METADATA.value, value));
}

/** The fields of a message that are of variable length, as text. */
function stringsIn(message: Uint8Array): ReadonlyMap<number, string> {
  const strings = new Map<number, string>();
  for (const { number, bytes } of wireFields(message)) {
    if (bytes !== undefined) strings.set(number, text.decode(bytes));
  }
  return strings;
}

function mismatch(names: readonly string[], what: string): FedloomError {
  const message = `The parameters ${names.slice(0, 5).join(', ')} ${what}: give those of a run of the same task.`;
  return new FedloomError('onnx.parameters', message, { names });
}
