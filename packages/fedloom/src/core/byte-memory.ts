/*
 * Memory of large byte arrays, given back and taken again without the garbage collector: with a megabyte for each client
 * update, collections would take as long as all the rest, and fresh pages from the system longer than to write to them.
 */

interface Port {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
}

interface NodeBuffer {
  allocUnsafeSlow(length: number): Uint8Array;
}

/** Smaller ones are not worth it. */
const WORTHWHILE_BYTES = 16 << 10;
/**
 * What may stand before the bytes in their buffer: the headers of their frame and of the WebSocket's. No message with a body that
 * somebody may still hold is so short.
 */
const MARGIN_BYTES = 32;
/** Of what was given back, so much is kept for the next who asks, */
const KEPT_BYTES_MAX = 8 << 20;
/** of so many lengths: those that were asked for last. A run has its updates, and on their way what they are cut into. */
const KEPT_LENGTHS = 4;

let nowhere: Port | undefined;
/** Buffers given back, by their length; who was asked for last stands last. */
const kept = new Map<number, ArrayBuffer[]>();
let keptBytes = 0;

/**
 * Bytes that hold whatever their memory held before, where the platform has such: for who writes all of them before anybody
 * reads them. They have their buffer to themselves.
 */
export function uninitializedBytes(length: number): Uint8Array {
  if (length < WORTHWHILE_BYTES) return new Uint8Array(length);
  const again = keptOf(length).pop();
  if (again !== undefined) {
    keptBytes -= length;
    return new Uint8Array(again);
  }
  const { Buffer: buffers } = globalThis as { readonly Buffer?: NodeBuffer };
  if (buffers === undefined) return new Uint8Array(length);
  const { buffer, byteOffset } = buffers.allocUnsafeSlow(length);
  return new Uint8Array(buffer, byteOffset, length);
}

/**
 * Gives the memory of `bytes` back now, not at some garbage collection.
 *
 * The buffer is detached: every view of it is empty from then on. So only for who owns the whole buffer; where `bytes` is
 * not nearly all of it, or it is shared, or something follows them, this does nothing: what came over a line may end with the
 * beginning of what comes next, which others are still to read.
 */
export function freeBytes(bytes: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = bytes;
  if (!(buffer instanceof ArrayBuffer) || byteLength < WORTHWHILE_BYTES) return;
  if (byteOffset > MARGIN_BYTES || byteOffset + byteLength < buffer.byteLength) return;
  try {
    const alike = keptBytes + buffer.byteLength <= KEPT_BYTES_MAX ? kept.get(buffer.byteLength) : undefined;
    if (alike === undefined) return giveToNobody(buffer);
    keptBytes += buffer.byteLength;
    alike.push(structuredClone(buffer, { transfer: [buffer] }));
  } catch {
    // Memory that cannot be handed over, such as a runtime's own: the collector will have it.
  }
}

/** Those of a length that is asked for, which is the last to be forgotten now. */
function keptOf(length: number): ArrayBuffer[] {
  const known = kept.get(length);
  kept.delete(length);
  kept.set(length, known ?? []);
  for (const [oldest, buffers] of kept) {
    if (kept.size <= KEPT_LENGTHS) break;
    kept.delete(oldest);
    keptBytes -= oldest * buffers.length;
    for (const buffer of buffers) giveToNobody(buffer);
  }
  return kept.get(length) ?? [];
}

/** A port whose other end is closed takes the buffer along and keeps nothing. */
function giveToNobody(buffer: ArrayBuffer): void {
  nowhere ??= closedPort();
  nowhere.postMessage(null, [buffer]);
}

function closedPort(): Port {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
}
