import type { WireField } from './protobuf-fields.js';

/** The content of a field that holds an integer, as int64 has it. @throws RangeError for one that is none, or has no room in a number */
export function integerOf({ number, raw, bytes }: WireField): number {
  if (bytes !== undefined || (raw[0] ?? 0) % 8 !== 0) throw new RangeError(`field ${number} is no integer`);
  let at = 0;
  while ((raw[at] ?? 0) >= 0x80) at += 1;
  const [value, end] = varintAt(raw, at + 1);
  if (end !== raw.length) throw new RangeError(`field ${number} is no integer`);
  return value;
}

/** The elements of a repeated field of integers, one a field or packed. @throws RangeError as `integerOf` */
export function integersOf(fields: readonly WireField[]): number[] {
  return fields.flatMap((field) => {
    const { bytes } = field;
    if (bytes === undefined) return [integerOf(field)];
    const packed: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      const [value, end] = varintAt(bytes, at);
      packed.push(value);
      at = end;
    }
    return packed;
  });
}

function varintAt(bytes: Uint8Array, start: number): readonly [value: number, end: number] {
  let value = 0n;
  for (let at = start, shift = 0n; shift < 70n; at += 1, shift += 7n) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    const signed = Number(BigInt.asIntN(64, value));
    if (!Number.isSafeInteger(signed)) throw new RangeError(`the integer ${signed} is too large`);
    return [signed, at + 1];
  }
  throw new RangeError('an integer goes beyond its end');
}
