interface Port {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
}

/** Smaller ones are not worth it. */
const WORTHWHILE_BYTES = 64 << 10;
/** What may stand before and behind the bytes in their buffer: a frame's header. */
const MARGIN_BYTES = 64;

let nowhere: Port | undefined;

/**
 * Gives the memory of `bytes` back now, not at some garbage collection: with a megabyte for each client update, collections
 * would take as long as all the rest, and fresh pages from the system four times as long as ones just given back.
 *
 * The buffer is detached: every view of it is empty from then on. So only for who owns the whole buffer; where `bytes` is
 * not nearly all of it, or it is shared, this does nothing.
 */
export function freeBytes(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (!(buffer instanceof ArrayBuffer) || byteLength < WORTHWHILE_BYTES) return;
  if (buffer.byteLength - byteLength > MARGIN_BYTES) return;
  try {
    // A port whose other end is closed takes the buffer along and keeps nothing.
    nowhere ??= closedPort();
    nowhere.postMessage(null, [buffer]);
  } catch {
    // Memory that cannot be handed over, such as a runtime's own: the collector will have it.
  }
}

function closedPort(): Port {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
}
