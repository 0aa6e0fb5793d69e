/** Longest reason that a WebSocket close frame holds, bytes of UTF-8. */
const reasonBytesMax = 123;

/** `reason` cut to what a close frame holds, between characters. */
export function fitReason(reason: string): string {
  const encoder = new TextEncoder();
  if (encoder.encode(reason).length <= reasonBytesMax) return reason;
  const { read } = encoder.encodeInto(reason, new Uint8Array(reasonBytesMax));
  return reason.slice(0, read);
}

/** What a close without a reason text means, by its code. */
export function describeClose(code: number, reason: string): string {
  if (reason !== '') return reason;
  switch (code) {
    case 1000:
    case 1005:
      return 'closed';
    case 1001:
      return 'transport.going-away: the other end is shutting down';
    case 1003:
      return 'transport.text-frame: only binary frames are read';
    case 1009:
      return 'transport.frame-size: a frame is larger than the other end reads';
    case 1006:
      return 'transport.lost: the connection broke without a close';
    default:
      return `transport.closed: close code ${code}`;
  }
}
