/** What travels on a line's topics. PROTOCOL.md describes it; integers are little-endian. */
export type Packet =
  | { readonly kind: 'open'; readonly settings: LineSettings }
  | { readonly kind: 'accept'; readonly settings: LineSettings }
  | { readonly kind: 'data'; readonly number: number; readonly bytes: Uint8Array }
  | { readonly kind: 'credit'; readonly until: number }
  | { readonly kind: 'close'; readonly sent: number; readonly reason: string }
  | { readonly kind: 'lost' }
  | { readonly kind: 'ping'; readonly sent: number }
  | { readonly kind: 'refuse'; readonly reason: string };

/** What an end says of itself when a line is opened. */
export interface LineSettings {
  readonly version: 1;
  /** Data packets that the other end may send before it is given credit for more. */
  readonly credit: number;
  /** Largest packet that may be sent through the broker, bytes with header and topic. */
  readonly packetBytesMax: number;
  /** Of a client: it fetches shared bodies, if the server has such. */
  readonly shared?: boolean;
  /** Of a server: its name, as in the topic that tells of it. */
  readonly server?: string;
  /** Of a server that shares bodies: bytes of each of their pieces but the last. */
  readonly pieceBytes?: number;
}

const KINDS = ['open', 'accept', 'data', 'credit', 'close', 'lost', 'ping', 'refuse'] as const;
export const HEADER_BYTES = 8;
const SETTINGS_BYTES_MAX = 4096;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes a data packet's header into its memory. @returns the room behind it, to be filled in */
export function dataPacket(packet: Uint8Array, number: number): Uint8Array {
  writeHeader(packet, 'data', number);
  return packet.subarray(HEADER_BYTES);
}

export function encodePacket(packet: Exclude<Packet, { readonly kind: 'data' }>): Uint8Array {
  switch (packet.kind) {
    case 'open':
    case 'accept':
      return withText(packet.kind, 0, JSON.stringify(packet.settings));
    case 'credit':
      return withText(packet.kind, packet.until, '');
    case 'ping':
      return withText(packet.kind, packet.sent, '');
    case 'close':
      return withText(packet.kind, packet.sent, packet.reason);
    case 'refuse':
      return withText(packet.kind, 0, packet.reason);
    case 'lost':
      return withText(packet.kind, 0, '');
  }
}

function withText(kind: Packet['kind'], number: number, text: string): Uint8Array {
  const bytes = encoder.encode(text);
  const packet = new Uint8Array(HEADER_BYTES + bytes.length);
  writeHeader(packet, kind, number);
  packet.set(bytes, HEADER_BYTES);
  return packet;
}

function writeHeader(packet: Uint8Array, kind: Packet['kind'], number: number): void {
  packet.fill(0, 0, HEADER_BYTES);
  packet[0] = KINDS.indexOf(kind) + 1;
  new DataView(packet.buffer, packet.byteOffset).setUint32(4, number, true);
}

/** Undefined where it is none, whatever the bytes. The bytes of a data packet are a view into `packet`. */
export function decodePacket(packet: Uint8Array): Packet | undefined {
  const kind = KINDS[(packet[0] ?? 0) - 1];
  if (kind === undefined || packet.length < HEADER_BYTES || packet[1] || packet[2] || packet[3]) return undefined;
  const number = new DataView(packet.buffer, packet.byteOffset).getUint32(4, true);
  const rest = packet.subarray(HEADER_BYTES);
  switch (kind) {
    case 'data':
      return { kind, number, bytes: rest };
    case 'credit':
      return { kind, until: number };
    case 'ping':
      return { kind, sent: number };
    case 'close':
      return { kind, sent: number, reason: decoder.decode(rest.subarray(0, SETTINGS_BYTES_MAX)) };
    case 'refuse':
      return { kind, reason: decoder.decode(rest.subarray(0, SETTINGS_BYTES_MAX)) };
    case 'lost':
      return { kind };
    case 'open':
    case 'accept': {
      const settings = decodeSettings(rest);
      return settings && { kind, settings };
    }
  }
}

function decodeSettings(bytes: Uint8Array): LineSettings | undefined {
  if (bytes.length > SETTINGS_BYTES_MAX) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined;
  }
  const { version, credit, packetBytesMax, shared, server, pieceBytes } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Record<string, unknown>;
  if (version !== 1 || !isWhole(credit, 1, 65_535) || !isWhole(packetBytesMax, packetBytesMin, 2 ** 28)) {
    return undefined;
  }
  return {
    version,
    credit,
    packetBytesMax,
    ...(shared === true && { shared }),
    ...(typeof server === 'string' && { server }),
    ...(isWhole(pieceBytes, 1, 2 ** 28) && { pieceBytes }),
  };
}

/** A packet has room for its topic, its header and some bytes. */
export const packetBytesMin = 1024;

/** What MQTT itself adds to a publication, at most, beside its topic. */
const MQTT_BYTES = 16;

/** Bytes of payload in a packet of a size. */
export function payloadBytes(packetBytes: number, topic: string): number {
  return packetBytes - MQTT_BYTES - encoder.encode(topic).length;
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}
