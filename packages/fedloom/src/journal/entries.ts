import { crc32 } from '../core/crc32.js';
import { logVersionError } from './errors.js';
import { type InlineBlob, payloadBytesMax, UNWRITTEN_BYTES, writePayload } from './payload.js';

/*
 * The log, byte by byte; numbers are little-endian.
 *
 *   head   8 bytes MAGIC · uint32 format version · uint32 CRC-32 of the 12 bytes before
 *   entry  uint32 bytes of payload, at least 1 · uint32 CRC-32 of these 4 bytes · payload · uint32 CRC-32 of the payload
 *
 * An entry is what was written by one append, so that it counts whole or not at all. `payload.ts` says what it holds: nothing
 * with eight zeros in a row, as lengths and sums have none. Where there are, something was never written.
 * The length has a sum of its own: else a flipped bit in it would look like a log whose end was cut off.
 */

const MAGIC = [0x89, 0x46, 0x4c, 0x4a, 0x0d, 0x0a, 0x1a, 0x0a];
export const FORMAT_VERSION = 3;
export const HEAD_BYTES = 16;
const LENGTH_BYTES = 8;
const SUM_BYTES = 4;
/** Memory of an encoder that stays for the next entry. */
const KEPT_BYTES_MAX = 2 ** 20;

export interface Entry {
  /** Counted from 0. */
  readonly index: number;
  /** Of its first byte in the log. */
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** What a log holds, and how it ends. */
export interface LogReading {
  /** Whole entries up to the end or to the first that is not. */
  readonly entries: readonly Entry[];
  /** Where they end: what `cutLog` is to leave of a torn log. */
  readonly wholeBytes: number;
  /**
   * - `torn`: the last write did not come whole, and nobody was told that it had;
   * - `damaged`: bytes that had been written are not what they were. `after` are the whole entries behind them, whose `index`
   *   goes on as if only one entry were damaged.
   */
  readonly end:
    | { readonly kind: 'whole' | 'torn' }
    | { readonly kind: 'damaged'; readonly offset: number; readonly after: readonly Entry[] };
}

export function encodeHead(): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  head.set(MAGIC);
  const view = new DataView(head.buffer);
  view.setUint32(MAGIC.length, FORMAT_VERSION, true);
  view.setUint32(HEAD_BYTES - SUM_BYTES, crc32(head.subarray(0, HEAD_BYTES - SUM_BYTES)), true);
  return head;
}

export function encodeEntry(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES + payload.length + SUM_BYTES);
  bytes.set(payload, LENGTH_BYTES);
  return seal(bytes, payload.length);
}

/** Makes entries one after the other in the same memory: a round's has its model in it, and fresh memory for it is work to collect. */
export class EntryEncoder {
  #memory = new Uint8Array(0);

  /** @param records a JSON array @returns an entry that lasts until the next call */
  encode(records: string, blobs: readonly InlineBlob[]): Uint8Array {
    const bytesMax = LENGTH_BYTES + payloadBytesMax(records, blobs) + SUM_BYTES;
    const memory = this.#memory.length < bytesMax ? new Uint8Array(bytesMax) : this.#memory;
    if (memory.length <= KEPT_BYTES_MAX) this.#memory = memory;
    return seal(memory, writePayload(memory.subarray(LENGTH_BYTES), records, blobs));
  }
}

/** Puts length and sums around a payload that lies in its place. */
function seal(bytes: Uint8Array, payloadBytes: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const end = LENGTH_BYTES + payloadBytes;
  view.setUint32(0, payloadBytes, true);
  view.setUint32(4, crc32(bytes.subarray(0, 4)), true);
  view.setUint32(end, crc32(bytes.subarray(LENGTH_BYTES, end)), true);
  return bytes.subarray(0, end + SUM_BYTES);
}

/**
 * Reads a log. Entries are views of `bytes`. An empty log, or one whose head was not written whole, has no entries and
 * `wholeBytes` 0: it is to be begun anew.
 * @throws FedloomError `journal.version` for a log of another format
 */
export function readLog(bytes: Uint8Array): LogReading {
  if (bytes.length < HEAD_BYTES || !isHead(bytes)) return readHeadless(bytes);
  const entries: Entry[] = [];
  let offset = HEAD_BYTES;
  while (offset < bytes.length) {
    const read = readEntry(bytes, offset);
    if (read.kind !== 'whole') return { entries, wholeBytes: offset, end: endOf(bytes, offset, entries.length, read) };
    entries.push({ index: entries.length, offset, payload: read.payload });
    offset = read.nextOffset;
  }
  return { entries, wholeBytes: offset, end: { kind: 'whole' } };
}

type Read =
  | { readonly kind: 'whole'; readonly payload: Uint8Array; readonly nextOffset: number }
  /** The log ends within it. */
  | { readonly kind: 'short' }
  /** `nextOffset`: where the next begins, if its length can be trusted. */
  | { readonly kind: 'wrong'; readonly nextOffset?: number };

function readEntry(bytes: Uint8Array, offset: number): Read {
  const left = bytes.length - offset;
  if (left < LENGTH_BYTES) return { kind: 'short' };
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, left);
  const length = view.getUint32(0, true);
  if (length === 0 || view.getUint32(4, true) !== crc32(bytes.subarray(offset, offset + 4))) return { kind: 'wrong' };
  if (LENGTH_BYTES + length + SUM_BYTES > left) return { kind: 'short' };
  const payload = bytes.subarray(offset + LENGTH_BYTES, offset + LENGTH_BYTES + length);
  const nextOffset = offset + LENGTH_BYTES + length + SUM_BYTES;
  if (view.getUint32(LENGTH_BYTES + length, true) !== crc32(payload)) return { kind: 'wrong', nextOffset };
  return { kind: 'whole', payload, nextOffset };
}

/** Whether an entry that is not whole was torn or damaged: one that others follow, or that lacks nothing, had been written. */
function endOf(bytes: Uint8Array, offset: number, index: number, read: Read): LogReading['end'] {
  if (read.kind === 'short') return { kind: 'torn' };
  const from = read.kind === 'wrong' && read.nextOffset !== undefined ? read.nextOffset : offset + 1;
  const after = entriesFrom(bytes, from, index + 1);
  // A file may have got its length before its bytes: blocks that were never written read as zeros.
  if (after.length === 0 && hasUnwritten(bytes.subarray(offset))) return { kind: 'torn' };
  return { kind: 'damaged', offset, after };
}

/** Every whole entry from here on, wherever it begins. */
function entriesFrom(bytes: Uint8Array, from: number, firstIndex: number): Entry[] {
  const entries: Entry[] = [];
  let offset = from;
  while (offset < bytes.length) {
    const read = readEntry(bytes, offset);
    if (read.kind === 'whole') entries.push({ index: firstIndex + entries.length, offset, payload: read.payload });
    offset = read.kind === 'whole' ? read.nextOffset : offset + 1;
  }
  return entries;
}

function hasUnwritten(bytes: Uint8Array): boolean {
  let run = 0;
  for (const byte of bytes) {
    run = byte === 0 ? run + 1 : 0;
    if (run === UNWRITTEN_BYTES) return true;
  }
  return false;
}

function isHead(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  const sum = crc32(bytes.subarray(0, HEAD_BYTES - SUM_BYTES));
  if (!MAGIC.every((byte, i) => bytes[i] === byte) || view.getUint32(HEAD_BYTES - SUM_BYTES, true) !== sum)
    return false;
  const version = view.getUint32(MAGIC.length, true);
  if (version !== FORMAT_VERSION) throw logVersionError(version, FORMAT_VERSION);
  return true;
}

function readHeadless(bytes: Uint8Array): LogReading {
  const head = encodeHead();
  // The head is written before anything else, and by itself.
  const torn = bytes.length < HEAD_BYTES && bytes.every((byte, i) => byte === head[i] || byte === 0);
  if (bytes.length === 0) return { entries: [], wholeBytes: 0, end: { kind: 'whole' } };
  if (torn || bytes.every((byte) => byte === 0)) return { entries: [], wholeBytes: 0, end: { kind: 'torn' } };
  return { entries: [], wholeBytes: 0, end: { kind: 'damaged', offset: 0, after: entriesFrom(bytes, 1, 0) } };
}
