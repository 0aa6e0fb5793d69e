import { dtypeOfElement } from '../onnx/element-types.js';
import { isOperator, type OperatorName, operatorAttributes, opset } from '../onnx/operators.js';
import { bytesPerElement, type DType, elementCount } from '../tensor.js';
import { type WireField, wireFields } from './protobuf-fields.js';
import { integerOf, integersOf } from './protobuf-numbers.js';

/** A graph as a plan holds it, or the body of a loop in it. */
export interface OnnxGraphFile {
  readonly inputs: readonly OnnxInfo[];
  readonly outputs: readonly OnnxInfo[];
  /** In an order in which they can run. */
  readonly nodes: readonly OnnxNodeFile[];
  readonly constants: readonly OnnxConstant[];
}

/** An input or output: its extents are numbers, or names of those that are known when it runs. */
export interface OnnxInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

export interface OnnxNodeFile {
  /** For messages. */
  readonly name: string;
  readonly op: OperatorName;
  /** Empty: left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly integers: ReadonlyMap<string, number>;
  readonly lists: ReadonlyMap<string, readonly number[]>;
  /** A loop's. */
  readonly body?: OnnxGraphFile;
}

export interface OnnxConstant {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Of a short int64 vector or scalar: shapes, axes and bounds. */
  readonly integers?: readonly number[];
}

/** A loop in a loop is one more; the engine's own graphs have one. */
const NESTING_MAX = 8;
/** Elements of an int64 constant that are read: no shape has so many. */
const INTEGERS_MAX = 64;
const RANK_MAX = 16;

export interface OnnxLimits {
  readonly nodesMax: number;
  readonly nameLengthMax: number;
}

/**
 * Reads an ONNX model from outside, and takes nothing but what compiled graphs are made of: their operators and attributes, of one
 * version, constants that lie in the file, loops with bodies of the same. Whatever else the format has is refused: a reference to a
 * file of this machine, which ONNX Runtime would follow, operators of other domains, functions, sparse tensors, metadata. A field that
 * comes twice is refused too, so that no other reader sees something else in the same bytes.
 *
 * @throws RangeError that says what is wrong
 */
export function readOnnx(bytes: Uint8Array, limits: OnnxLimits): OnnxGraphFile {
  // Numbers in calls are the field numbers of onnx.proto.
  const model = new Fields('the model', bytes, [1, 2, 7], [8]);
  const versions = model.all(8).map((field) => operatorSet(contentOf(field)));
  if (versions.length !== 1 || versions[0] !== opset) {
    throw new RangeError(
      `its operators are of version ${versions.join(', ') || 'none'}, and known are those of ${opset}`,
    );
  }
  return new Reader(limits).graph(model.message(7), 0);
}

function operatorSet(bytes: Uint8Array): number {
  const fields = new Fields('an operator set', bytes, [1, 2], []);
  standardDomain(fields);
  return fields.integer(2);
}

/** Other domains hold operators that no standard specifies. */
function standardDomain(fields: Fields, number = 1): void {
  const domain = fields.text(number, 200);
  if (domain !== '' && domain !== 'ai.onnx') throw new RangeError(`it uses operators of the domain '${shown(domain)}'`);
}

class Reader {
  #nodes = 0;

  constructor(private readonly limits: OnnxLimits) {}

  graph(bytes: Uint8Array, depth: number): OnnxGraphFile {
    if (depth > NESTING_MAX) throw new RangeError(`its graphs are nested more than ${NESTING_MAX} deep`);
    const fields = new Fields('a graph', bytes, [2], [1, 5, 11, 12]);
    const each = <T>(number: number, read: (content: Uint8Array) => T) =>
      fields.all(number).map((one) => read(contentOf(one)));
    return {
      inputs: each(11, (content) => this.#info(content)),
      outputs: each(12, (content) => this.#info(content)),
      nodes: each(1, (content) => this.#node(content, depth)),
      constants: each(5, (content) => this.#constant(content)),
    };
  }

  #node(bytes: Uint8Array, depth: number): OnnxNodeFile {
    this.#nodes += 1;
    const { nodesMax } = this.limits;
    if (this.#nodes > nodesMax) throw new RangeError(`it has more than ${nodesMax} nodes`);
    const fields = new Fields('a node', bytes, [3, 4, 7], [1, 2, 5]);
    const op = this.#text(fields, 4);
    standardDomain(fields, 7);
    if (!isOperator(op)) throw new RangeError(`it uses the operator '${shown(op)}', which no compiled plan has`);
    const integers = new Map<string, number>();
    const lists = new Map<string, readonly number[]>();
    const seen = new Set<string>();
    let body: OnnxGraphFile | undefined;
    for (const field of fields.all(5)) {
      const attribute = new Fields('an attribute', contentOf(field), [1, 2, 3, 4, 6, 20], [8]);
      const name = this.#text(attribute, 1);
      const known: readonly string[] = operatorAttributes[op];
      if (!known.includes(name))
        throw new RangeError(`its ${op} has the attribute '${shown(name)}', which no compiled plan has`);
      if (seen.has(name)) throw new RangeError(`its ${op} has the attribute '${name}' twice`);
      seen.add(name);
      if (attribute.has(3)) integers.set(name, attribute.integer(3));
      if (attribute.has(8)) lists.set(name, integersOf(attribute.all(8)));
      if (attribute.has(6)) body = this.graph(attribute.message(6), depth + 1);
    }
    const names = (number: number) => fields.all(number).map((field) => textOf(field, this.limits.nameLengthMax));
    return {
      name: this.#text(fields, 3),
      ...{ op, inputs: names(1), outputs: names(2), integers, lists },
      ...(body !== undefined && { body }),
    };
  }

  /** Only the raw bytes, within the file: ONNX Runtime would read files of this machine into the graph. */
  #constant(bytes: Uint8Array): OnnxConstant {
    const fields = new Fields('a constant', bytes, [2, 8, 9], [1]);
    const [dtype, shape] = [dtypeOf(fields.integer(2)), integersOf(fields.all(1))];
    const data = fields.message(9);
    if (shape.some((extent) => extent < 0) || shape.length > RANK_MAX) {
      throw new RangeError(`a constant has the shape [${shape.slice(0, RANK_MAX).join(', ')}]`);
    }
    const expected = elementCount(shape) * bytesPerElement[dtype];
    if (data.length !== expected) {
      throw new RangeError(
        `a constant of ${dtype} [${shape.join(', ')}] has ${data.length} bytes in place of ${expected}`,
      );
    }
    const short = dtype === 'int64' && elementCount(shape) <= INTEGERS_MAX;
    return { name: this.#text(fields, 8), dtype, shape, ...(short && { integers: int64s(data) }) };
  }

  #info(bytes: Uint8Array): OnnxInfo {
    const fields = new Fields('an input or output', bytes, [1, 2], []);
    const type = new Fields('a type', fields.message(2), [1], []);
    const tensor = new Fields('a type', type.message(1), [1, 2], []);
    const shape = new Fields('a shape', tensor.message(2), [], [1]);
    const extents = shape.all(1).map((field) => {
      const extent = new Fields('an extent', contentOf(field), [1, 2], []);
      return extent.has(1) ? extent.integer(1) : this.#text(extent, 2);
    });
    return { name: this.#text(fields, 1), dtype: dtypeOf(tensor.integer(1)), shape: extents };
  }

  #text(fields: Fields, number: number): string {
    return fields.text(number, this.limits.nameLengthMax);
  }
}

/** The fields of one message: those that may come once, and those that may be repeated; no others. */
class Fields {
  readonly #fields = new Map<number, WireField[]>();

  constructor(
    private readonly what: string,
    bytes: Uint8Array,
    once: readonly number[],
    repeated: readonly number[],
  ) {
    for (const field of wireFields(bytes)) {
      const { number } = field;
      const before = this.#fields.get(number);
      if (!once.includes(number) && !repeated.includes(number))
        throw new RangeError(`${what} has the field ${number}, which plans may not use`);
      if (before === undefined) this.#fields.set(number, [field]);
      else if (repeated.includes(number)) before.push(field);
      else throw new RangeError(`${what} has the field ${number} twice`);
    }
  }

  has(number: number): boolean {
    return this.#fields.has(number);
  }

  all(number: number): readonly WireField[] {
    return this.#fields.get(number) ?? [];
  }

  /** 0 where it is not there, as protobuf has it. */
  integer(number: number): number {
    const [field] = this.all(number);
    return field === undefined ? 0 : integerOf(field);
  }

  /** Empty where it is not there. */
  text(number: number, lengthMax: number): string {
    const [field] = this.all(number);
    return field === undefined ? '' : textOf(field, lengthMax);
  }

  message(number: number): Uint8Array {
    const [field] = this.all(number);
    if (field === undefined) throw new RangeError(`${this.what} lacks the field ${number}`);
    return contentOf(field);
  }
}

function contentOf({ number, bytes }: WireField): Uint8Array {
  if (bytes === undefined) throw new RangeError(`field ${number} is a number where a message or text belongs`);
  return bytes;
}

function textOf(field: WireField, lengthMax: number): string {
  const bytes = contentOf(field);
  if (bytes.length > lengthMax)
    throw new RangeError(`a name has ${bytes.length} bytes, and at most ${lengthMax} are allowed`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new RangeError('a name is no UTF-8');
  }
}

function dtypeOf(code: number): DType {
  const found = dtypeOfElement(code);
  if (found === undefined) throw new RangeError(`it has tensors of type ${code}, which no compiled plan has`);
  return found;
}

/** From bytes that may begin anywhere. */
function int64s(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, at) => Number(view.getBigInt64(8 * at, true)));
}

function shown(text: string): string {
  return text.slice(0, 60);
}
