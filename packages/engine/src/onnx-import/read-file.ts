import { dtypeOfElement } from '../onnx/element-types.js';
import { type WireField, wireFields } from '../plan/protobuf-fields.js';
import { integerOf, integersOf } from '../plan/protobuf-numbers.js';
import { allocate, bytesPerElement, type DType, elementCount, type Tensor } from '../tensor.js';

/** A forward model as somebody's exporter wrote it. */
export interface ModelFile {
  /** Of the standard operators. */
  readonly opset: number;
  readonly nodes: readonly NodeFile[];
  readonly constants: ReadonlyMap<string, Tensor>;
  /** Without those that are constants. */
  readonly inputs: readonly InputFile[];
  readonly outputs: readonly string[];
}

export interface NodeFile {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  /** Empty: left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export interface Attribute {
  readonly integer?: number;
  readonly float?: number;
  readonly text?: string;
  readonly tensor?: Tensor;
  readonly integers: readonly number[];
  readonly floats: readonly number[];
  readonly texts: readonly string[];
}

export interface InputFile {
  readonly name: string;
  readonly dtype: DType | undefined;
  /** Numbers, or names of extents that differ from run to run. */
  readonly shape: readonly (number | string)[];
}

// Field numbers of onnx.proto.
const MODEL = { graph: 7, operators: 8 } as const;
const OPERATORS = { domain: 1, version: 2 } as const;
const GRAPH = { node: 1, constant: 5, input: 11, output: 12 } as const;
const NODE = { input: 1, output: 2, name: 3, op: 4, attribute: 5, domain: 7 } as const;
const ATTRIBUTE = { name: 1, float: 2, integer: 3, text: 4, tensor: 5, floats: 7, integers: 8, texts: 9 } as const;
const TENSOR = { shape: 1, type: 2, floats: 4, int32s: 5, int64s: 7, name: 8, raw: 9, doubles: 10, place: 14 } as const;
const VALUE = { name: 1, type: 2 } as const;
const TYPE = { tensor: 1 } as const;
const TENSOR_TYPE = { element: 1, shape: 2 } as const;
const DIMENSION = { each: 1, number: 1, name: 2 } as const;
const OUTSIDE = 1;

/** @throws RangeError that says what is wrong with the bytes */
export function readModelFile(bytes: Uint8Array): ModelFile {
  const model = fieldsOf(bytes);
  const graph = fieldsOf(contentOf(one(model, MODEL.graph, 'a graph')));
  const versions = all(model, MODEL.operators).map((field) => fieldsOf(contentOf(field)));
  const standard = versions.find((fields) => ['', 'ai.onnx'].includes(textIn(fields, OPERATORS.domain)));
  const version = standard && all(standard, OPERATORS.version)[0];
  const constants = new Map(all(graph, GRAPH.constant).map((field) => readTensor(contentOf(field))));
  return {
    opset: version === undefined ? 0 : integerOf(version),
    nodes: all(graph, GRAPH.node).map((field) => readNode(contentOf(field))),
    constants,
    inputs: all(graph, GRAPH.input)
      .map((field) => readInput(contentOf(field)))
      .filter(({ name }) => !constants.has(name)),
    outputs: all(graph, GRAPH.output).map((field) => textIn(fieldsOf(contentOf(field)), VALUE.name)),
  };
}

function readNode(bytes: Uint8Array): NodeFile {
  const fields = fieldsOf(bytes);
  const texts = (number: number) => all(fields, number).map((field) => decode(contentOf(field)));
  return {
    name: textIn(fields, NODE.name),
    op: textIn(fields, NODE.op),
    domain: textIn(fields, NODE.domain),
    inputs: texts(NODE.input),
    outputs: texts(NODE.output),
    attributes: new Map(all(fields, NODE.attribute).map((field) => readAttribute(contentOf(field)))),
  };
}

function readAttribute(bytes: Uint8Array): readonly [string, Attribute] {
  const fields = fieldsOf(bytes);
  const [integer] = all(fields, ATTRIBUTE.integer);
  const [float] = all(fields, ATTRIBUTE.float);
  const [text] = all(fields, ATTRIBUTE.text);
  const [tensor] = all(fields, ATTRIBUTE.tensor);
  return [
    textIn(fields, ATTRIBUTE.name),
    {
      ...(integer && { integer: integerOf(integer) }),
      ...(float && { float: floatsOf([float])[0] ?? 0 }),
      ...(text && { text: decode(contentOf(text)) }),
      ...(tensor && { tensor: readTensor(contentOf(tensor))[1] }),
      integers: integersOf(all(fields, ATTRIBUTE.integers)),
      floats: floatsOf(all(fields, ATTRIBUTE.floats)),
      texts: all(fields, ATTRIBUTE.texts).map((field) => decode(contentOf(field))),
    },
  ];
}

function readInput(bytes: Uint8Array): InputFile {
  const fields = fieldsOf(bytes);
  const name = textIn(fields, VALUE.name);
  const type = fieldsOf(contentOf(one(fields, VALUE.type, `a type of the input ${name}`)));
  const tensor = fieldsOf(contentOf(one(type, TYPE.tensor, `a tensor's type of the input ${name}`)));
  const [element] = all(tensor, TENSOR_TYPE.element);
  const [shape] = all(tensor, TENSOR_TYPE.shape);
  const extents = shape === undefined ? [] : all(fieldsOf(contentOf(shape)), DIMENSION.each);
  return {
    name,
    dtype: dtypeOfElement(element === undefined ? 0 : integerOf(element)),
    shape: extents.map((extent, axis) => {
      const dimension = fieldsOf(contentOf(extent));
      const [number] = all(dimension, DIMENSION.number);
      return number === undefined ? textIn(dimension, DIMENSION.name) || `axis ${axis}` : integerOf(number);
    }),
  };
}

function readTensor(bytes: Uint8Array): readonly [string, Tensor] {
  const fields = fieldsOf(bytes);
  const name = textIn(fields, TENSOR.name);
  const [place] = all(fields, TENSOR.place);
  if (place !== undefined && integerOf(place) === OUTSIDE) {
    throw new RangeError(
      `its tensor ${name} lies in another file: write the model as one file, in PyTorch with external_data=False`,
    );
  }
  const [code] = all(fields, TENSOR.type);
  const dtype = dtypeOfElement(code === undefined ? 0 : integerOf(code));
  if (dtype === undefined || dtype === 'float16') {
    throw new RangeError(
      `its tensor ${name} is of the type ${dtype ?? (code && integerOf(code))}: export it as float32`,
    );
  }
  const shape = integersOf(all(fields, TENSOR.shape));
  const [raw] = all(fields, TENSOR.raw);
  return [
    name,
    raw === undefined ? fromNumbers(fields, dtype, shape, name) : fromBytes(contentOf(raw), dtype, shape, name),
  ];
}

/** The file has as many bytes as its shape says before memory is taken for it. */
function fromBytes(bytes: Uint8Array, dtype: DType, shape: readonly number[], name: string): Tensor {
  if (!shape.every((extent) => extent >= 0) || bytes.length !== elementCount(shape) * bytesPerElement[dtype]) {
    throw new RangeError(`its tensor ${name} of ${dtype} [${shape.join(', ')}] has ${bytes.length} bytes`);
  }
  const data = allocate(dtype, elementCount(shape));
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength).set(bytes);
  return { dtype, shape, data };
}

/** Exporters may write numbers one by one, in a field of their kind. */
function fromNumbers(fields: Fields, dtype: DType, shape: readonly number[], name: string): Tensor {
  const values =
    dtype === 'float32'
      ? floatsOf(all(fields, TENSOR.floats))
      : dtype === 'float64'
        ? doublesOf(all(fields, TENSOR.doubles))
        : integersOf(all(fields, dtype === 'int64' ? TENSOR.int64s : TENSOR.int32s));
  if (!shape.every((extent) => extent >= 0) || values.length !== elementCount(shape)) {
    throw new RangeError(`its tensor ${name} of ${dtype} [${shape.join(', ')}] has ${values.length} elements`);
  }
  const data = allocate(dtype, values.length);
  if (data instanceof BigInt64Array) data.set(values.map(BigInt));
  else data.set(values);
  return { dtype, shape, data };
}

type Fields = ReadonlyMap<number, readonly WireField[]>;

function fieldsOf(bytes: Uint8Array): Fields {
  const found = new Map<number, WireField[]>();
  for (const field of wireFields(bytes)) {
    const before = found.get(field.number);
    if (before === undefined) found.set(field.number, [field]);
    else before.push(field);
  }
  return found;
}

function all(fields: Fields, number: number): readonly WireField[] {
  return fields.get(number) ?? [];
}

function one(fields: Fields, number: number, what: string): WireField {
  const [field] = all(fields, number);
  if (field === undefined) throw new RangeError(`it lacks ${what}`);
  return field;
}

function contentOf({ number, bytes }: WireField): Uint8Array {
  if (bytes === undefined) throw new RangeError(`field ${number} is a number where a message or text belongs`);
  return bytes;
}

function textIn(fields: Fields, number: number): string {
  const [field] = all(fields, number);
  return field === undefined ? '' : decode(contentOf(field));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** One a field, or packed. */
function floatsOf(fields: readonly WireField[]): number[] {
  return fields.flatMap(({ bytes, raw }) => numbersIn(bytes ?? raw.subarray(-4), 4));
}

function doublesOf(fields: readonly WireField[]): number[] {
  return fields.flatMap(({ bytes, raw }) => numbersIn(bytes ?? raw.subarray(-8), 8));
}

function numbersIn(bytes: Uint8Array, width: 4 | 8): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / width) }, (_, at) =>
    width === 4 ? view.getFloat32(4 * at, true) : view.getFloat64(8 * at, true),
  );
}
