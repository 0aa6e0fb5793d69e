import type { NamedTensors, Tensor, TensorData } from '@fedloom/engine';
import { arrayOf, bytesPerElement, type DType, elementCount, FedloomError } from '@fedloom/engine/base';
import { compareNames } from './params.js';
import {
  FORMAT_NAMES,
  LENGTH_BYTES,
  layoutFor,
  METADATA,
  type SafetensorsLayout,
  type WriteTensor,
  writeTensors,
} from './safetensors-layout.js';
import { shownJson } from './shown-json.js';

/*
 * The safetensors format: a little-endian uint64 with the header's length; the header, a JSON object
 * { name: { dtype, shape, data_offsets: [begin, end] } } that may be padded with spaces; the tensors' bytes, little-endian,
 * which cover the rest of the file without holes. https://github.com/huggingface/safetensors describes it.
 * Like all machines that run fedloom, the typed arrays here are little-endian.
 */

/** What bytes from outside may hold. */
export interface SafetensorsLimits {
  readonly headerBytesMax: number;
  readonly tensorsMax: number;
  readonly nameLengthMax: number;
  readonly rankMax: number;
}

export const defaultSafetensorsLimits: SafetensorsLimits = {
  headerBytesMax: 16 * 2 ** 20,
  tensorsMax: 100_000,
  nameLengthMax: 512,
  rankMax: 8,
};

const decoder = new TextDecoder('utf-8', { fatal: true });
const DTYPES = new Map(Object.entries(FORMAT_NAMES).map(([dtype, name]) => [name, dtype as DType]));

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Tensors as safetensors bytes, in a buffer of their own. Equal tensors give equal bytes: the header lists names in
 * ascending order and has no metadata; the data, from an offset that 8 divides, lie by descending element size and then
 * by name, so that every tensor is aligned without holes, which the format forbids.
 * @throws FedloomError `safetensors.tensor` for a tensor whose data do not fit its shape, or a name the format reserves.
 */
export function encodeSafetensors(tensors: NamedTensors): Uint8Array {
  return safetensorsEncoder()(tensors);
}

export type SafetensorsEncoder = (tensors: NamedTensors, write?: WriteTensor) => Uint8Array;

/**
 * Encodes as `encodeSafetensors` does, and lays out anew only when names, dtypes or shapes differ from the last time.
 * @param roomBytes free bytes before the encoded ones in their buffer, a multiple of 8: for a header that others put there
 */
export function safetensorsEncoder(roomBytes = 0): SafetensorsEncoder {
  let layout: SafetensorsLayout | undefined;
  return (tensors, write) => {
    layout = layoutFor(tensors, layout);
    return writeTensors(tensors, layout, roomBytes, write);
  };
}

/**
 * The tensors in safetensors bytes, ascending by name. Tensors are views of `bytes` where their alignment allows it, else
 * copies. Metadata are ignored.
 * @throws FedloomError `safetensors.header` for bytes that are no safetensors, `safetensors.tensor` for a tensor whose
 *   dtype, shape, offsets or values are wrong, `safetensors.limit` for more than `limits` allow.
 */
export function decodeSafetensors(bytes: Uint8Array, limits = defaultSafetensorsLimits): Map<string, Tensor> {
  return safetensorsDecoder(limits)(bytes);
}

/**
 * Decodes as `decodeSafetensors` does, and remembers the last header: most updates of a run have the same, and reading
 * it takes as long as checking a small model's values.
 */
export function safetensorsDecoder(limits = defaultSafetensorsLimits): (bytes: Uint8Array) => Map<string, Tensor> {
  let known: { readonly head: Uint8Array; readonly dataBytes: number; readonly entries: readonly Entry[] } | undefined;
  return (bytes) => {
    const dataStart = LENGTH_BYTES + headerLength(bytes, limits);
    const dataBytes = bytes.length - dataStart;
    if (known?.dataBytes !== dataBytes || !startsWith(bytes, known.head)) {
      const entries = readEntries(bytes.slice(LENGTH_BYTES, dataStart), dataBytes, limits);
      known = { head: bytes.slice(0, dataStart), dataBytes, entries };
    }
    return new Map(
      known.entries.map((entry) => {
        const { name, dtype, shape, begin } = entry;
        return [name, { dtype, shape, data: dataOf(bytes, dataStart + begin, entry) }];
      }),
    );
  };
}

/** What a header tells, checked; ascending by name. */
function readEntries(header: Uint8Array, dataBytes: number, limits: SafetensorsLimits): Entry[] {
  const items = Object.entries(parseHeader(header)).filter(([name]) => name !== METADATA);
  if (items.length > limits.tensorsMax) throw limitError('tensors', items.length, limits.tensorsMax);
  const entries = items.map(([name, item]) => checkEntry(name, item, dataBytes, limits));
  checkCover(entries, dataBytes);
  return entries.sort((a, b) => compareNames(a.name, b.name));
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  for (let i = 0; i < head.length; i++) if (bytes[i] !== head[i]) return false;
  return true;
}

function headerLength(bytes: Uint8Array, limits: SafetensorsLimits): number {
  if (bytes.length < LENGTH_BYTES) {
    throw headerError(
      `they are ${bytes.length} bytes long, and a safetensors file begins with 8 for the header's length`,
    );
  }
  const declared = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (declared > BigInt(limits.headerBytesMax)) throw limitError('header bytes', declared, limits.headerBytesMax);
  if (declared > BigInt(bytes.length - LENGTH_BYTES)) {
    throw headerError(
      `the header claims ${declared} bytes and only ${bytes.length - LENGTH_BYTES} follow: were they cut off?`,
    );
  }
  return Number(declared);
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw headerError('the header is not JSON in UTF-8', cause);
  }
  if (isRecord(header)) return header;
  throw headerError('the header is not a JSON object');
}

function checkEntry(name: string, item: unknown, dataBytes: number, limits: SafetensorsLimits): Entry {
  if (name.length > limits.nameLengthMax) throw limitError('letters in a name', name.length, limits.nameLengthMax);
  if (!isRecord(item)) throw tensorError(name, 'its description is not an object');
  const { dtype: format, shape, data_offsets: offsets } = item;
  const dtype = typeof format === 'string' ? DTYPES.get(format) : undefined;
  if (dtype === undefined) {
    throw tensorError(name, `its dtype ${shownJson(format)} is none of ${[...DTYPES.keys()].join(', ')}`);
  }
  if (!isIndexList(shape)) throw tensorError(name, `its shape ${shownJson(shape)} is not a list of sizes`);
  if (shape.length > limits.rankMax) throw limitError(`axes of tensor "${name}"`, shape.length, limits.rankMax);
  if (!isIndexList(offsets) || offsets.length !== 2) {
    throw tensorError(name, `its data_offsets ${shownJson(offsets)} are not [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    throw tensorError(name, `its data_offsets [${begin}, ${end}] lie outside of the ${dataBytes} bytes of data`);
  }
  // Beyond 2^53 the product is not exact, but then it is larger than any number of bytes.
  const bytesNeeded = elementCount(shape) * bytesPerElement[dtype];
  if (bytesNeeded !== end - begin) {
    throw tensorError(name, `${dtype} of shape [${shape.join(', ')}] takes ${bytesNeeded} bytes, not ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

/** The tensors must cover the data once: no overlaps, no holes, nothing behind the last. */
function checkCover(entries: readonly Entry[], dataBytes: number): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) throw tensorError(name, `its bytes from ${begin} overlap with another tensor's`);
    if (begin > covered) throw tensorError(name, `${begin - covered} bytes before its data belong to no tensor`);
    covered = end;
  }
  if (covered < dataBytes) throw headerError(`${dataBytes - covered} bytes behind the last tensor belong to none`);
}

function dataOf(bytes: Uint8Array, at: number, { name, dtype, begin, end }: Entry): TensorData {
  const size = bytesPerElement[dtype];
  const aligned = (bytes.byteOffset + at) % size === 0;
  const source = aligned ? bytes.subarray(at, at + end - begin) : bytes.slice(at, at + end - begin);
  const data = new arrayOf[dtype](source.buffer, source.byteOffset, (end - begin) / size);
  if (dtype === 'bool' && (data as Uint8Array).some((value) => value > 1)) {
    throw tensorError(name, 'a bool is neither 0 nor 1');
  }
  return data;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isIndexList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function headerError(why: string, cause?: unknown): FedloomError {
  return new FedloomError('safetensors.header', `These bytes are no safetensors: ${why}.`, {}, { cause });
}

function tensorError(name: string, why: string): FedloomError {
  const shown = name.slice(0, 80);
  return new FedloomError('safetensors.tensor', `Tensor "${shown}" in safetensors bytes: ${why}.`, { name: shown });
}

function limitError(what: string, found: number | bigint, limit: number): FedloomError {
  return new FedloomError('safetensors.limit', `Safetensors bytes with ${found} ${what}: at most ${limit} are read.`, {
    limit,
  });
}
