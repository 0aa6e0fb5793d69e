import { Deserializer, Serializer } from 'node:v8';
import { FedloomError } from '@fedloom/engine/base';
import { uninitializedBytes } from '../../core/byte-memory.js';

/*
 * A value between two processes of one program, over a pipe: what Node's structured clone takes, but each array of numbers as
 * bytes of its own, which neither end copies into a message. A frame is
 *
 *   u32 n, u32 bytes of the value · n times f64 bytes of an array · the value · the arrays
 *
 * in the machine's byte order: both ends are on one machine.
 */

const PREFIX_BYTES = 8;
const LENGTH_BYTES = 8;
/** Beyond it, the stream is not one of frames. */
const HEADER_BYTES_MAX = 1 << 30;

const KINDS = [
  Uint8Array,
  Int32Array,
  Float32Array,
  Float64Array,
  Uint16Array,
  BigInt64Array,
  Int8Array,
  Int16Array,
  Uint32Array,
  BigUint64Array,
] as const;

class Writer extends Serializer {
  readonly arrays: Uint8Array[] = [];

  /** Called by V8 for each array. */
  _writeHostObject(array: ArrayBufferView): void {
    const kind = KINDS.findIndex((one) => array instanceof one);
    if (kind < 0) throw new TypeError(`a frame cannot hold a ${array.constructor.name}`);
    this.writeUint32(kind);
    this.writeUint32(this.arrays.length);
    this.arrays.push(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
}

class Reader extends Deserializer {
  constructor(
    header: Uint8Array,
    private readonly arrays: readonly Uint8Array[],
  ) {
    super(header);
  }

  _readHostObject(): ArrayBufferView {
    const Kind = KINDS[this.readUint32()];
    const bytes = this.arrays[this.readUint32()];
    if (Kind === undefined || bytes === undefined) throw broken();
    return new Kind(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / Kind.BYTES_PER_ELEMENT);
  }
}

/** The pieces of a frame, in order. The arrays among them are the value's own memory: they must not change until they are written. */
export function encodeFrame(value: unknown): readonly Uint8Array[] {
  const writer = new Writer();
  (
    writer as unknown as { _setTreatArrayBufferViewsAsHostObjects(on: boolean): void }
  )._setTreatArrayBufferViewsAsHostObjects(true);
  writer.writeHeader();
  writer.writeValue(value);
  const header = writer.releaseBuffer();
  const { arrays } = writer;
  const prefix = new Uint8Array(PREFIX_BYTES + LENGTH_BYTES * arrays.length);
  new Uint32Array(prefix.buffer, 0, 2).set([arrays.length, header.length]);
  new Float64Array(prefix.buffer, PREFIX_BYTES).set(arrays.map(({ length }) => length));
  return [prefix, header, ...arrays.filter(({ length }) => length > 0)];
}

/**
 * Puts frames together from the pieces in which a pipe gives them.
 * @param room bytes to leave free before each array, in its buffer; a multiple of 8. Every array has a buffer of its own.
 */
export class FrameReader {
  readonly #room: number;
  readonly #take: (value: unknown) => void;
  /** What is being filled, and what comes behind it. */
  #target = new Uint8Array(PREFIX_BYTES);
  #filled = 0;
  #filledUp: () => void = () => this.#prefixIsThere();
  #arrays: Uint8Array[] = [];

  constructor(take: (value: unknown) => void, room = 0) {
    this.#take = take;
    this.#room = room;
  }

  /** @throws FedloomError `compute.frame` when the bytes are no frames */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + this.#target.length - this.#filled);
      this.#target.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === this.#target.length) this.#filledUp();
    }
  }

  #fill(target: Uint8Array<ArrayBuffer>, then: () => void): void {
    this.#target = target;
    this.#filled = 0;
    this.#filledUp = then;
    if (target.length === 0) then();
  }

  #prefixIsThere(): void {
    const [count = 0, headerBytes = 0] = new Uint32Array(this.#target.buffer, 0, 2);
    if (LENGTH_BYTES * count > HEADER_BYTES_MAX || headerBytes > HEADER_BYTES_MAX) throw broken();
    const lengths = new Float64Array(count);
    this.#fill(new Uint8Array(lengths.buffer), () => {
      this.#fill(new Uint8Array(headerBytes), () => this.#readArrays(this.#target, lengths, 0));
    });
  }

  /** For an array and what is to be left free before it. */
  #memory(length: number): Uint8Array {
    if (!Number.isSafeInteger(length) || length < 0) throw broken();
    try {
      return uninitializedBytes(this.#room + length);
    } catch (cause) {
      throw broken(cause);
    }
  }

  #readArrays(header: Uint8Array, lengths: Float64Array, from: number): void {
    for (let at = from; at < lengths.length; at += 1) {
      const length = lengths[at] ?? 0;
      const array = this.#memory(length).subarray(this.#room) as Uint8Array<ArrayBuffer>;
      this.#arrays.push(array);
      if (length > 0) return this.#fill(array, () => this.#readArrays(header, lengths, at + 1));
    }
    const value = valueIn(header, this.#arrays);
    this.#arrays = [];
    this.#fill(new Uint8Array(PREFIX_BYTES), () => this.#prefixIsThere());
    this.#take(value);
  }
}

function valueIn(header: Uint8Array, arrays: readonly Uint8Array[]): unknown {
  try {
    const reader = new Reader(header, arrays);
    reader.readHeader();
    return reader.readValue();
  } catch (cause) {
    throw broken(cause);
  }
}

function broken(cause?: unknown): FedloomError {
  const message = 'What came over the pipe of a worker process is no frame.';
  return new FedloomError('compute.frame', message, {}, { cause });
}
