/*
 * Messages with tag 0, by which connections come about and end: a byte of kind, three of nothing, two numbers (u32, little
 * endian), then a reason in UTF-8. PROTOCOL.md describes them.
 */

/** The numbers of connections at their two ends; each end gives out its own, which is the tag of the frames to it. */
export type Control =
  /** `from` would like a connection. */
  | { readonly kind: 'open'; readonly from: number }
  /** It is there: `from` is its number at the end that accepts. */
  | { readonly kind: 'accept'; readonly to: number; readonly from: number }
  /** Nobody listens. */
  | { readonly kind: 'refuse'; readonly to: number }
  /** No frame comes any more; the last word of each end about a connection. */
  | { readonly kind: 'close'; readonly to: number; readonly reason: string };

const KINDS = ['open', 'accept', 'refuse', 'close'] as const;
const HEADER_BYTES = 12;

export function encodeControl(control: Control): Uint8Array {
  const reason = new TextEncoder().encode(control.kind === 'close' ? control.reason : '');
  const bytes = new Uint8Array(HEADER_BYTES + reason.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, KINDS.indexOf(control.kind));
  view.setUint32(4, 'to' in control ? control.to : 0, true);
  view.setUint32(8, 'from' in control ? control.from : 0, true);
  bytes.set(reason, HEADER_BYTES);
  return bytes;
}

/** Undefined where the bytes are none: another program's. */
export function decodeControl(bytes: Uint8Array): Control | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const to = view.getUint32(4, true);
  const from = view.getUint32(8, true);
  const kind = KINDS[view.getUint8(0)];
  switch (kind) {
    case 'open':
      return { kind, from };
    case 'accept':
      return { kind, to, from };
    case 'refuse':
      return { kind, to };
    case 'close':
      return { kind, to, reason: new TextDecoder().decode(bytes.subarray(HEADER_BYTES)) };
    default:
      return undefined;
  }
}
