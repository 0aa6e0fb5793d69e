/** One field of a protobuf message as it lies on the wire. */
export interface WireField {
  readonly number: number;
  /** The content of a length-delimited field (strings, bytes, messages, packed numbers), a view. */
  readonly bytes?: Uint8Array;
  /** All of the field, with its tag: to copy it as it is. A view. */
  readonly raw: Uint8Array;
}

/**
 * The fields of one message, in their order. Stricter than protobuf requires: no groups, no field 0, nothing beyond the
 * end, so that no other parser can see more in the same bytes.
 *
 * @throws RangeError for bytes that are no message.
 */
export function* wireFields(bytes: Uint8Array): Generator<WireField> {
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[offset++];
      if (byte === undefined) throw new RangeError('a number goes beyond the end of its message');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number has more than ten bytes');
  };
  while (offset < bytes.length) {
    const start = offset;
    const tag = varint();
    if (tag < 8 || tag >= 2 ** 32) throw new RangeError(`there is no field with the tag ${tag}`);
    const number = Math.floor(tag / 8);
    const lengths: Readonly<Record<number, () => number>> = { 0: () => 0, 1: () => 8, 2: varint, 5: () => 4 };
    const wireType = tag % 8;
    const measure = lengths[wireType];
    if (measure === undefined) throw new RangeError(`field ${number} has the wire type ${wireType}`);
    if (wireType === 0) varint();
    const end = measure() + offset;
    if (end > bytes.length) throw new RangeError(`field ${number} goes beyond the end of its message`);
    const raw = bytes.subarray(start, end);
    yield wireType === 2 ? { number, raw, bytes: bytes.subarray(offset, end) } : { number, raw };
    offset = end;
  }
}

/** A length-delimited field around `parts`, which are text or bytes one behind the other. */
export function lengthDelimited(number: number, ...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const contents = parts.map((part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part));
  const length = contents.reduce((total, { length }) => total + length, 0);
  return concatenated([Uint8Array.from([...varintBytes(number * 8 + 2), ...varintBytes(length)]), ...contents]);
}

/** A field that holds a number of 32 bits at most. */
export function varintField(number: number, value: number): Uint8Array {
  return Uint8Array.from([...varintBytes(number * 8), ...varintBytes(value)]);
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function varintBytes(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varintBytes(Math.floor(value / 128))];
}
