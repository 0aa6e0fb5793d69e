import {
  bytesPerElement,
  type DType,
  elementCount,
  FedloomError,
  type NamedTensors,
  type Tensor,
} from '@fedloom/engine/base';
import { uninitializedBytes } from './byte-memory.js';
import { compareNames, findMismatch, type TensorSpec } from './params.js';

/** Bytes before the header, which hold its length. */
export const LENGTH_BYTES = 8;
const ALIGNMENT = 8;
/** A name in the header that is no tensor's. */
export const METADATA = '__metadata__';
const encoder = new TextEncoder();

export const FORMAT_NAMES: Readonly<Record<DType, string>> = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  int32: 'I32',
  int64: 'I64',
  uint8: 'U8',
  bool: 'BOOL',
};

/** Where everything lies in safetensors bytes. */
export interface SafetensorsLayout {
  readonly tensors: readonly TensorSpec[];
  /** The length and the header. */
  readonly head: Uint8Array;
  /** Of the first byte of each tensor, counted from the start. */
  readonly starts: ReadonlyMap<string, number>;
  readonly bytes: number;
}

/** Writes what stands for a tensor into all of `into`, which is aligned for its elements. */
export type WriteTensor = (name: string, tensor: Tensor, into: Uint8Array) => void;

/** A tensor as it is. */
export const copyTensor: WriteTensor = (_name, { data: { buffer, byteOffset, byteLength } }, into) =>
  into.set(new Uint8Array(buffer, byteOffset, byteLength));

/**
 * How tensors lie in their safetensors bytes.
 * @param known of tensors that were perhaps the same
 * @throws FedloomError `safetensors.tensor`, as `encodeSafetensors`
 */
export function layoutFor(tensors: NamedTensors, known?: SafetensorsLayout): SafetensorsLayout {
  for (const [name, tensor] of tensors) checkEncodable(name, tensor);
  if (known !== undefined && findMismatch(tensors, known.tensors) === undefined) return known;
  return layOut(tensors);
}

/** The header, and room for the tensors, which holds anything. @param roomBytes free bytes before, in the same buffer */
export function unwrittenBytes(layout: SafetensorsLayout, roomBytes = 0): Uint8Array {
  const bytes = uninitializedBytes(roomBytes + layout.bytes).subarray(roomBytes);
  bytes.set(layout.head);
  return bytes;
}

/** @param roomBytes free bytes before those that are written, in their buffer */
export function writeTensors(
  tensors: NamedTensors,
  layout: SafetensorsLayout,
  roomBytes: number,
  write: WriteTensor = copyTensor,
): Uint8Array {
  // Head and tensors cover all of it.
  const bytes = unwrittenBytes(layout, roomBytes);
  for (const [name, tensor] of tensors) {
    const start = layout.starts.get(name) ?? 0;
    write(name, tensor, bytes.subarray(start, start + tensor.data.byteLength));
  }
  return bytes;
}

function layOut(tensors: NamedTensors): SafetensorsLayout {
  const offsets = new Map<string, [number, number]>();
  let end = 0;
  for (const [name, { data }] of bySizeThenName(tensors)) {
    offsets.set(name, [end, end + data.byteLength]);
    end += data.byteLength;
  }
  const items = [...tensors.keys()].sort(compareNames).map((name) => {
    const { dtype, shape } = tensors.get(name)!;
    const item = { dtype: FORMAT_NAMES[dtype], shape, data_offsets: offsets.get(name) };
    return `${JSON.stringify(name)}:${JSON.stringify(item)}`;
  });
  const text = encoder.encode(`{${items.join(',')}}`);
  const headerBytes = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const head = new Uint8Array(LENGTH_BYTES + headerBytes).fill(0x20, LENGTH_BYTES);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerBytes), true);
  head.set(text, LENGTH_BYTES);
  const starts = new Map([...offsets].map(([name, [begin]]) => [name, head.length + begin]));
  const specs = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  return { tensors: specs, head, starts, bytes: head.length + end };
}

function bySizeThenName(tensors: NamedTensors): [string, Tensor][] {
  return [...tensors].sort(
    ([a, { dtype: aType }], [b, { dtype: bType }]) =>
      bytesPerElement[bType] - bytesPerElement[aType] || compareNames(a, b),
  );
}

function checkEncodable(name: string, { dtype, shape, data }: Tensor): void {
  const fits = data.length === elementCount(shape) && data.BYTES_PER_ELEMENT === bytesPerElement[dtype];
  if (fits && name !== METADATA) return;
  const message = fits
    ? `A tensor cannot be named "${METADATA}": the safetensors format reserves the name.`
    : `Tensor "${name}" has ${data.length} elements of data in a ${data.constructor.name}; ${dtype} of shape [${shape.join(', ')}] needs ${elementCount(shape)}.`;
  throw new FedloomError('safetensors.tensor', message, { name });
}
