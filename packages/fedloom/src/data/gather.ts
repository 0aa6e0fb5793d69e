import { allocate, arrayOf, bytesPerElement, elementCount, type Tensor, type TensorData } from '@fedloom/engine/base';
import type { ClientExamples, Examples } from './dataset.js';

/** A client's samples as tensors of their own, in ordinary memory. */
export function gatherExamples({ x, y, rows }: ClientExamples): Examples {
  return { x: gatherRows(x, rows), y: gatherRows(y, rows) };
}

/** Gathers as `gatherExamples` does, into memory that the next call uses again. */
export function exampleGatherer(): (examples: ClientExamples) => Examples {
  const [xBytes, yBytes] = [scratch(), scratch()];
  return ({ x, y, rows }) => ({ x: gatherRows(x, rows, xBytes), y: gatherRows(y, rows, yBytes) });
}

const WORD_BYTES = 4;

/** Where an array for so many elements comes from. */
type Allocate = (dtype: Tensor['dtype'], length: number) => TensorData;

/**
 * Rows of the leading dimension, in the order of `rows`; all of them where it is absent. Always a copy.
 * @param make may give memory that was used before
 */
export function gatherRows(
  { dtype, shape, data }: Tensor,
  rows: Int32Array | undefined,
  make: Allocate = allocate,
): Tensor {
  const sample = shape.slice(1);
  const width = elementCount(sample);
  const length = rows?.length ?? shape[0]!;
  const gathered = make(dtype, length * width);
  const rowBytes = width * bytesPerElement[dtype];
  // Both arrays are of the dtype's kind; the compiler cannot see that `set` then takes the other.
  if (rows === undefined) (gathered as Float32Array).set(data as Float32Array);
  else if (rowBytes >= LONG_ROW_BYTES) copyLongRows(bytesOf(gathered), bytesOf(data), rows, rowBytes);
  else if (rowBytes % WORD_BYTES === 0 && data.byteOffset % WORD_BYTES === 0) {
    copyRows(wordsOf(gathered), wordsOf(data), rows, rowBytes / WORD_BYTES);
  } else copyRows(bytesOf(gathered), bytesOf(data), rows, rowBytes);
  return { dtype, shape: [length, ...sample], data: gathered };
}

/** Rows of at least so many bytes are copied one at a time by `set`; for shorter ones, its call costs more than a loop. */
const LONG_ROW_BYTES = 256;

function copyRows<T extends Int32Array | Uint8Array>(target: T, source: T, rows: Int32Array, width: number): void {
  let to = 0;
  for (let i = 0; i < rows.length; i++) {
    const end = (rows[i]! + 1) * width;
    for (let from = end - width; from < end; from++) target[to++] = source[from]!;
  }
}

function copyLongRows(target: Uint8Array, source: Uint8Array, rows: Int32Array, width: number): void {
  for (let i = 0; i < rows.length; i++) {
    const from = rows[i]! * width;
    target.set(source.subarray(from, from + width), i * width);
  }
}

function wordsOf({ buffer, byteOffset, byteLength }: TensorData): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength / WORD_BYTES);
}

function bytesOf({ buffer, byteOffset, byteLength }: TensorData): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** More than this is not kept between clients. */
const SCRATCH_BYTES_MAX = 32 << 20;

/** Hands out the same memory each time, more when it is too little: fresh memory costs more than the copy into it. */
function scratch(): Allocate {
  let buffer = new ArrayBuffer(0);
  return (dtype, length) => {
    const bytes = length * bytesPerElement[dtype];
    if (bytes > SCRATCH_BYTES_MAX) return allocate(dtype, length);
    if (buffer.byteLength < bytes) buffer = new ArrayBuffer(bytes);
    return new arrayOf[dtype](buffer, 0, length);
  };
}
