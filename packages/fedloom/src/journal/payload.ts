import { type BlobName, hashIn } from './storage.js';

/*
 * What an entry of the log says: a JSON array of records, then each small blob that they name:
 *
 *   JSON [ "\n" name " " key " " bytes spaces "\n" masked bytes ]...
 *
 * So a round of a small model is one write and one wait. Each whole word of a blob, counted from its first byte, little-endian,
 * is xored with the key, which is chosen so that none of them is left 0; the bytes behind the last word as well. In a log without
 * a run of zeros it shows where something was never written.
 */

const LINE = 0x0a;
const SPACE = 0x20;
const WORD_BYTES = 4;
/** Of a unit of a string. */
const UTF8_BYTES_MAX = 3;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** What counts as never written: so many zeros in a row, among which there is a whole word wherever they begin. */
export const UNWRITTEN_BYTES = 8;
/** Of each word: rare in numbers of any kind. */
const FIRST_KEY = 0xa55a3cc3;
/** Longer than any line before a blob. */
const LINE_BYTES_MAX = 128;

/** A blob within an entry. */
export interface InlineBlob {
  readonly name: BlobName;
  readonly bytes: Uint8Array;
}

/** A blob as it lies in the log. */
export interface LoggedBlob {
  readonly name: BlobName;
  /** With its line, as it is. */
  readonly part: Uint8Array;
  /** In memory of their own. */
  read(): Uint8Array;
}

/** Bytes that `writePayload` may need. */
export function payloadBytesMax(records: string, blobs: readonly InlineBlob[]): number {
  let bytes = UTF8_BYTES_MAX * records.length;
  for (const blob of blobs) bytes += LINE_BYTES_MAX + WORD_BYTES + blob.bytes.length;
  return bytes;
}

/**
 * @param payload takes it; begins at a multiple of four of its buffer
 * @param records the JSON array
 * @returns bytes written
 */
export function writePayload(payload: Uint8Array, records: string, blobs: readonly InlineBlob[]): number {
  let at = encoder.encodeInto(records, payload).written;
  for (const { name, bytes } of blobs) {
    // Copied first: they may lie anywhere.
    const start = roundUp(at + LINE_BYTES_MAX);
    const masked = payload.subarray(start, start + bytes.length);
    masked.set(bytes);
    const key = keyFor(wordsOf(masked));
    xor(masked, key);
    const line = `\n${name} ${key} ${bytes.length}`;
    at += encoder.encodeInto(line, payload.subarray(at, start)).written;
    payload.fill(SPACE, at, start - 1);
    payload[start - 1] = LINE;
    at = start + bytes.length;
  }
  return at;
}

/** The parts of a payload, as views. What is no blob belongs to the records: who reads them will not know it. */
export function splitPayload(payload: Uint8Array): {
  readonly records: Uint8Array;
  readonly blobs: readonly LoggedBlob[];
} {
  const blobs: LoggedBlob[] = [];
  const end = payload.indexOf(LINE);
  if (end === -1) return { records: payload, blobs };
  for (let at = end; at < payload.length; ) {
    const blob = readBlobAt(payload, at);
    if (blob === undefined) return { records: payload, blobs: [] };
    blobs.push(blob);
    at += blob.part.length;
  }
  return { records: payload.subarray(0, end), blobs };
}

/** The payload without the blobs that nobody needs; itself where all are needed. */
export function withoutBlobs(payload: Uint8Array, isNeeded: (name: BlobName) => boolean): Uint8Array {
  const { records, blobs } = splitPayload(payload);
  const kept = blobs.filter(({ name }) => isNeeded(name));
  if (kept.length === blobs.length) return payload;
  const shorter = new Uint8Array(kept.reduce((sum, { part }) => sum + part.length, records.length));
  shorter.set(records);
  let at = records.length;
  for (const { part } of kept) {
    shorter.set(part, at);
    at += part.length;
  }
  return shorter;
}

function readBlobAt(payload: Uint8Array, at: number): LoggedBlob | undefined {
  const lineEnd = payload.subarray(at, at + LINE_BYTES_MAX + WORD_BYTES).indexOf(LINE, 1);
  if (payload[at] !== LINE || lineEnd === -1) return undefined;
  const line = decoder.decode(payload.subarray(at + 1, at + lineEnd));
  const [name = '', key, length] = line.trimEnd().split(' ');
  const start = at + lineEnd + 1;
  const end = start + Number(length);
  if (hashIn(name) === undefined || !(end <= payload.length)) return undefined;
  const read = () => {
    // Not by `slice`, which for a Buffer, as files are read to, is a view.
    const bytes = new Uint8Array(payload.subarray(start, end));
    xor(bytes, Number(key));
    return bytes;
  };
  return { name: name as BlobName, part: payload.subarray(at, end), read };
}

/** A key that is none of the words. */
function keyFor(words: Uint32Array): number {
  let key = FIRST_KEY;
  while (words.includes(key)) key += 1;
  return key;
}

/** Of bytes that lie at a multiple of four. */
function xor(bytes: Uint8Array, key: number): void {
  const words = wordsOf(bytes);
  for (let i = 0; i < words.length; i += 1) words[i]! ^= key;
  for (let i = words.byteLength; i < bytes.length; i += 1) bytes[i]! ^= key >>> (8 * (i % WORD_BYTES));
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, Math.floor(length / WORD_BYTES));
}

function roundUp(at: number): number {
  return Math.ceil(at / WORD_BYTES) * WORD_BYTES;
}
