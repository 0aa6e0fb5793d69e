import { FedloomError } from '@fedloom/engine';
import { hashPattern } from '../core/brands.js';
import { uninitializedBytes } from '../core/byte-memory.js';
import type { ExtensionMessage, MessageDefinition, MessageRegistry } from './define-message.js';
import { wireLimits as limits } from './limits.js';
import type { Message } from './messages.js';
import { builtInRegistry } from './schemas.js';

export type AnyMessage = Message | ExtensionMessage;

/** What a message says of the body that follows it in chunks. Streams count up from 1 in each direction. */
export interface BodyInfo {
  readonly stream: number;
  /** Whole length, at least 1. */
  readonly bytes: number;
  /** The body's hash, where it is not sent in chunks: the receiver fetches it by the connection. */
  readonly shared?: string;
}

/** A frame as read. `body` and `payload` are views into the frame; `body` is 8-byte aligned where the frame is. */
export type Frame =
  | {
      readonly kind: 'control';
      readonly message: AnyMessage;
      readonly definition: MessageDefinition;
      readonly body?: BodyInfo;
    }
  | {
      readonly kind: 'inline';
      readonly message: AnyMessage;
      readonly definition: MessageDefinition;
      readonly body: Uint8Array;
    }
  | { readonly kind: 'chunk'; readonly stream: number; readonly offset: number; readonly payload: Uint8Array };

const controlKind = 1;
const chunkKind = 2;
const inlineKind = 3;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A message alone, or with the announcement of its body.
 * @throws FedloomError `protocol.message` when a field does not keep its type or limit, `protocol.frame-size`.
 */
export function encodeControl(message: AnyMessage, body?: BodyInfo, registry = builtInRegistry): Uint8Array {
  checkMessage(message, registry);
  const json = toUtf8(body === undefined ? message : { ...message, body }, 1, 1);
  json[0] = controlKind;
  return json;
}

/** A message with its whole body, which must not be longer than `wireLimits.inlineBodyBytesMax`. Throws as `encodeControl`. */
export function encodeInline(message: AnyMessage, body: Uint8Array, registry = builtInRegistry): Uint8Array {
  checkMessage(message, registry);
  const head = toUtf8(message, limits.inlineHeaderBytes, 8);
  const frame = uninitializedBytes(head.length + body.length);
  frame.set(head);
  frame[0] = inlineKind;
  new DataView(frame.buffer).setUint32(4, head.length - limits.inlineHeaderBytes, true);
  frame.set(body, head.length);
  return frame;
}

export function encodeChunk(stream: number, offset: number, payload: Uint8Array): Uint8Array {
  const frame = uninitializedBytes(limits.chunkHeaderBytes + payload.length);
  writeChunkHeader(frame, stream, offset);
  frame.set(payload, limits.chunkHeaderBytes);
  return frame;
}

/**
 * A chunk that is the whole of a body, made around it without a copy: its header is written into the room before the body in
 * its buffer. Undefined where there is none.
 */
export function wrapInChunk(stream: number, { buffer, byteOffset, byteLength }: Uint8Array): Uint8Array | undefined {
  const start = byteOffset - limits.chunkHeaderBytes;
  if (start < 0 || byteLength > limits.chunkBytesMax || !(buffer instanceof ArrayBuffer)) return undefined;
  const frame = new Uint8Array(buffer, start, limits.chunkHeaderBytes + byteLength);
  writeChunkHeader(frame, stream, 0);
  return frame;
}

function writeChunkHeader(frame: Uint8Array, stream: number, offset: number): void {
  const view = headerView(frame);
  view.setUint32(0, chunkKind, true);
  view.setUint32(4, stream, true);
  view.setUint32(8, offset >>> 0, true);
  view.setUint32(12, Math.floor(offset / 2 ** 32), true);
}

/**
 * Reads one frame; whatever the bytes, it returns or throws a FedloomError `protocol.*`: `frame`, `frame-size`, `json`,
 * `unknown-message`, `required-field`, `message`, `body`.
 */
export function decodeFrame(frame: Uint8Array, registry: MessageRegistry = builtInRegistry): Frame {
  if (frame.length > limits.frameBytesMax) throw tooLarge(frame.length, limits.frameBytesMax, 'A frame');
  switch (frame[0]) {
    case controlKind:
      return decodeControl(frame, registry);
    case chunkKind:
      return decodeChunk(frame);
    case inlineKind:
      return decodeInline(frame, registry);
    default:
      throw malformed(frame.length === 0 ? 'it is empty' : `it starts with byte ${frame[0]}; 1, 2 and 3 are known`);
  }
}

function decodeControl(frame: Uint8Array, registry: MessageRegistry): Frame {
  const fields = parseJson(frame.subarray(1));
  const { message, definition } = parseMessage(fields, registry);
  if (fields.body === undefined) {
    if (definition.body === 'required') throw bodyError(message.type, 'comes without the body it must have');
    return { kind: 'control', message, definition };
  }
  if (definition.body === 'none') throw bodyError(message.type, 'announces a body, but has none');
  return { kind: 'control', message, definition, body: parseBodyInfo(message.type, fields.body) };
}

function decodeInline(frame: Uint8Array, registry: MessageRegistry): Frame {
  const { inlineHeaderBytes, inlineBodyBytesMax } = limits;
  if (frame.length < inlineHeaderBytes || frame[1] || frame[2] || frame[3])
    throw malformed('its header is not that of a message with body');
  const jsonBytes = headerView(frame).getUint32(4, true);
  const bodyBytes = frame.length - inlineHeaderBytes - jsonBytes;
  if (jsonBytes % 8 !== 0 || bodyBytes < 0)
    throw malformed(`its text of ${jsonBytes} bytes is not a multiple of 8 within the frame`);
  if (bodyBytes > inlineBodyBytesMax)
    throw tooLarge(bodyBytes, inlineBodyBytesMax, 'A body in the frame of its message');
  const fields = parseJson(frame.subarray(inlineHeaderBytes, inlineHeaderBytes + jsonBytes));
  const { message, definition } = parseMessage(fields, registry);
  if (definition.body === 'none') throw bodyError(message.type, 'carries a body, but has none');
  if (fields.body !== undefined) throw bodyError(message.type, 'carries a body and announces another');
  return { kind: 'inline', message, definition, body: frame.subarray(inlineHeaderBytes + jsonBytes) };
}

function decodeChunk(frame: Uint8Array): Frame {
  if (frame.length <= limits.chunkHeaderBytes || frame[1] || frame[2] || frame[3]) {
    throw malformed('its header is not that of a chunk with at least one byte');
  }
  const view = headerView(frame);
  const offset = view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32;
  if (!Number.isSafeInteger(offset)) throw malformed('its offset exceeds 2^53 - 1');
  return { kind: 'chunk', stream: view.getUint32(4, true), offset, payload: frame.subarray(limits.chunkHeaderBytes) };
}

function headerView(frame: Uint8Array): DataView {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length > limits.controlBytesMax)
    throw tooLarge(bytes.length, limits.controlBytesMax, 'The text of a message');
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new FedloomError('protocol.json', 'A message is not JSON in UTF-8.', {}, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FedloomError('protocol.json', 'A message must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

function parseMessage(fields: Record<string, unknown>, registry: MessageRegistry) {
  const definition = findDefinition(fields.type, registry);
  for (const field in fields) {
    if (field.charCodeAt(0) !== 33 /* '!' */) continue;
    throw new FedloomError(
      'protocol.required-field',
      `Message '${definition.type}' has the required field ${quote(field)}, which this version does not know. Update it, or do without the feature.`,
      { type: definition.type, field },
    );
  }
  const result = definition.schema.safeParse(fields);
  if (!result.success) throw badMessage(definition.type, result.error.issues[0]);
  return { message: result.data as AnyMessage, definition };
}

/** Finds in one's own process what the other end would refuse. */
function checkMessage(message: AnyMessage, registry: MessageRegistry): void {
  const definition = findDefinition(message.type, registry);
  const result = definition.schema.safeParse(message);
  if (!result.success) throw badMessage(definition.type, result.error.issues[0]);
}

function findDefinition(type: unknown, registry: MessageRegistry): MessageDefinition {
  const definition = typeof type === 'string' ? registry.get(type) : undefined;
  if (definition) return definition;
  throw new FedloomError('protocol.unknown-message', `There is no message of type ${quote(type)}.`, {
    type: quote(type),
  });
}

function parseBodyInfo(type: string, value: unknown): BodyInfo {
  const info = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { stream, bytes, shared } = info;
  if (!isCount(stream, limits.streamIdMax) || !isCount(bytes, Number.MAX_SAFE_INTEGER)) {
    throw bodyError(type, 'announces a body without a stream number and a length of at least 1');
  }
  if (shared === undefined) return { stream, bytes };
  if (typeof shared === 'string' && hashPattern.test(shared)) return { stream, bytes, shared };
  throw bodyError(type, 'announces a shared body without its hash');
}

function isCount(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max;
}

/** `value` as JSON after `headBytes` free bytes, padded with spaces to a multiple of `multiple`. */
function toUtf8(value: unknown, headBytes: number, multiple: number): Uint8Array {
  const json = JSON.stringify(value);
  let frame = new Uint8Array(roundUp(headBytes + json.length, multiple));
  let { read, written } = encoder.encodeInto(json, frame.subarray(headBytes));
  if (read < json.length) {
    // Not all ASCII: a UTF-16 unit takes at most three bytes.
    const roomy = new Uint8Array(headBytes + 3 * json.length + multiple);
    ({ read, written } = encoder.encodeInto(json, roomy.subarray(headBytes)));
    frame = roomy.slice(0, roundUp(headBytes + written, multiple));
  }
  if (headBytes + written < frame.length) frame.fill(32, headBytes + written);
  const jsonBytes = frame.length - headBytes;
  if (jsonBytes > limits.controlBytesMax) throw tooLarge(jsonBytes, limits.controlBytesMax, 'The text of a message');
  return frame;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function quote(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 64)}'` : `a ${typeof value}`;
}

function malformed(what: string): FedloomError {
  return new FedloomError('protocol.frame', `A frame cannot be read: ${what}. Is the other end fedloom?`);
}

function tooLarge(bytes: number, bytesMax: number, what: string): FedloomError {
  return new FedloomError('protocol.frame-size', `${what} may have at most ${bytesMax} bytes; this one has ${bytes}.`, {
    bytes,
    bytesMax,
  });
}

function bodyError(type: string, what: string): FedloomError {
  return new FedloomError('protocol.body', `Message '${type}' ${what}.`, { type });
}

function badMessage(
  type: string,
  issue: { readonly path: readonly PropertyKey[]; readonly message: string } | undefined,
): FedloomError {
  const field = (issue?.path ?? []).map(String).join('.').slice(0, 128);
  const where = field === '' ? '' : ` in field '${field}'`;
  return new FedloomError(
    'protocol.message',
    `Message '${type}' is not valid${where}: ${issue?.message ?? 'unknown reason'}.`,
    { type, field },
  );
}
