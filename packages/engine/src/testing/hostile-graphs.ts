/** Plans that somebody changed by hand, below the compiler: bytes of ONNX as onnx.proto has them. */
import { concatenated, lengthDelimited, varintField, wireFields } from '../plan/protobuf-fields.js';

// Field numbers of onnx.proto.
const GRAPH = 7;
const NODE = 1;
const CONSTANT = 5;
const INT64 = 7;

/** The model with more in its graph, behind what is there. */
export function withMore(onnx: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatenated(
    [...wireFields(onnx)].map(({ number, raw, bytes }) =>
      number === GRAPH ? lengthDelimited(GRAPH, bytes ?? new Uint8Array(), ...parts) : raw,
    ),
  );
}

/** @param attributes what `integerAttribute` and `bodyAttribute` make */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Uint8Array[] = [],
): Uint8Array {
  return lengthDelimited(
    NODE,
    ...inputs.map((name) => lengthDelimited(1, name)),
    ...outputs.map((name) => lengthDelimited(2, name)),
    lengthDelimited(4, op),
    ...attributes,
  );
}

export function integerAttribute(name: string, value: number): Uint8Array {
  return lengthDelimited(5, lengthDelimited(1, name), varintField(3, value), varintField(20, 2));
}

/** A loop's body: its inputs and outputs by name, float32 but for the first two of a Loop. */
export function bodyAttribute(
  inputs: readonly string[],
  outputs: readonly string[],
  ...nodes: readonly Uint8Array[]
): Uint8Array {
  const info = (number: number, name: string, element: number) => {
    const type = lengthDelimited(1, varintField(1, element), lengthDelimited(2));
    return lengthDelimited(number, lengthDelimited(1, name), lengthDelimited(2, type));
  };
  const body = [
    ...nodes,
    lengthDelimited(2, 'body'),
    ...inputs.map((name, index) => info(11, name, [INT64, 9][index] ?? 1)),
    ...outputs.map((name, index) => info(12, name, index === 0 ? 9 : 1)),
  ];
  return lengthDelimited(5, lengthDelimited(1, 'body'), lengthDelimited(6, ...body), varintField(20, 5));
}

/** An int64 constant, a vector or a scalar. */
export function integers(name: string, values: readonly number[] | number): Uint8Array {
  const elements = BigInt64Array.from([values].flat(), BigInt);
  return lengthDelimited(
    CONSTANT,
    ...(typeof values === 'number' ? [] : [varintField(1, values.length)]),
    varintField(2, INT64),
    lengthDelimited(8, name),
    lengthDelimited(9, new Uint8Array(elements.buffer)),
  );
}

/** A float32 scalar of zero. */
export function zero(name: string): Uint8Array {
  return lengthDelimited(CONSTANT, varintField(2, 1), lengthDelimited(8, name), lengthDelimited(9, new Uint8Array(4)));
}
