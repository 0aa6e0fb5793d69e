import { closeSync, openSync, readSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  arrayOf,
  bytesPerElement,
  type DType,
  elementCount,
  type NamedTensors,
  type Tensor,
} from '@fedloom/engine/base';
import { uninitializedBytes } from '../core/byte-memory.js';
import { storageError } from '../core/node/storage-error.js';
import { sortedTensors } from '../core/params.js';

/** Where a tensor lies in the file. */
export interface TensorPlace {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** Tensors begin at multiples of it, wherever they are read to. */
const ALIGNMENT = 64;
const MEMORY = '/dev/shm';
/** Less than this, as in a container that was given none, and files go where the disk is. */
const FREE_BYTES_MIN = 512 << 20;

/**
 * A file without a name, in memory where the system has such a place: two processes read and write it by turns. Nothing of
 * it is left when both have ended, however they end.
 */
export class SharedFile {
  /** For the other process. */
  readonly fd: number;
  readonly #memory = new Map<string, Uint8Array>();

  /** @throws FedloomError `store.*` */
  constructor() {
    const path = join(folder(), `fedloom-${process.pid}-${crypto.randomUUID()}`);
    try {
      this.fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
    } catch (error) {
      throw storageError(error, 'make the file for tensors', path, 'the variable TMPDIR');
    }
  }

  /** Writes tensors from `offset` on, in the order given. @throws FedloomError `store.full` */
  write(tensors: NamedTensors, offset: number): { readonly places: readonly TensorPlace[]; readonly end: number } {
    let end = offset;
    const places: TensorPlace[] = [];
    for (const [name, { dtype, shape, data }] of tensors) {
      const at = aligned(end);
      this.#writeAll(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
      places.push({ name, dtype, shape, offset: at });
      end = at + data.byteLength;
    }
    return { places, end: aligned(end) };
  }

  /**
   * The tensors, which lie close together, ascending by name.
   * @param use memory for which they are read: the next call for the same one overwrites them, since fresh memory takes longer
   *   than reading. Default: memory of their own
   */
  read(places: readonly TensorPlace[], use?: string): Map<string, Tensor> {
    const filled = places.filter(({ shape }) => elementCount(shape) > 0);
    const ends = filled.map(({ offset, dtype, shape }) => offset + elementCount(shape) * bytesPerElement[dtype]);
    const start = filled.length === 0 ? 0 : Math.min(...filled.map(({ offset }) => offset));
    const end = Math.max(start, ...ends);
    const bytes = this.#memoryFor(use, end - start);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(this.fd, bytes, length, bytes.length - length, start + length);
      if (count === 0) throw new Error('the file for tensors ends before they do');
      length += count;
    }
    return sortedTensors(
      places.map(({ name, dtype, shape, offset }) => {
        const count = elementCount(shape);
        const at = count === 0 ? 0 : bytes.byteOffset + offset - start;
        return [name, { dtype, shape, data: new arrayOf[dtype](bytes.buffer as ArrayBuffer, at, count) }];
      }),
    );
  }

  #memoryFor(use: string | undefined, length: number): Uint8Array {
    const known = use === undefined ? undefined : this.#memory.get(use);
    if (known !== undefined && known.length >= length) return known.subarray(0, length);
    const bytes = uninitializedBytes(length);
    if (use !== undefined) this.#memory.set(use, bytes);
    return bytes;
  }

  close(): void {
    closeSync(this.fd);
  }

  #writeAll(bytes: Uint8Array, offset: number): void {
    try {
      for (let length = 0; length < bytes.length; ) {
        length += writeSync(this.fd, bytes, length, bytes.length - length, offset + length);
      }
    } catch (error) {
      throw storageError(error, 'write tensors for a Python process to', folder(), 'the variable TMPDIR');
    }
  }
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

function folder(): string {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize >= FREE_BYTES_MIN) return MEMORY;
  } catch {
    // The system has no such place.
  }
  return tmpdir();
}
