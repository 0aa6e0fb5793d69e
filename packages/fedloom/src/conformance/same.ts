import { check } from './suite.js';

/**
 * Equal to the bit: plain values, lists, records, maps and sets of them, and typed arrays, in which -0 is not 0 and one NaN
 * is not another. Maps and records hold the same under the same names, in any order. What is said is the first difference:
 * where, what it is, and what it must be.
 * @example checkSame(aggregate, expected, 'the aggregate') // the aggregate["0.weight"].data[3] is -0; it must be 0
 */
export function checkSame(actual: unknown, expected: unknown, what: string): void {
  const difference = firstDifference(actual, expected, '');
  check(difference === undefined, `${what}${difference}`);
}

/** Behind the place's name: `.data[3] is 1; it must be 2`. Undefined where there is none. */
export function firstDifference(actual: unknown, expected: unknown, place: string): string | undefined {
  if (ArrayBuffer.isView(actual) && ArrayBuffer.isView(expected)) return differentElement(actual, expected, place);
  const [is, should] = [partsOf(actual), partsOf(expected)];
  if (is === undefined || should === undefined || kindOf(actual) !== kindOf(expected)) {
    return Object.is(actual, expected) ? undefined : `${place} is ${textOf(actual)}; it must be ${textOf(expected)}`;
  }
  for (const [name, part] of should) {
    if (!is.has(name)) return `${place} lacks ${name}`;
    const difference = firstDifference(is.get(name), part, `${place}${name}`);
    if (difference !== undefined) return difference;
  }
  const extra = [...is.keys()].find((name) => !should.has(name));
  return extra === undefined ? undefined : `${place} holds ${extra}, which must not be there`;
}

/** The parts of what has parts, by how one writes them behind the whole; undefined for a plain value. */
function partsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [`[${JSON.stringify(key)}]`, part]));
  if (value instanceof Set || Array.isArray(value)) return new Map([...value].map((part, at) => [`[${at}]`, part]));
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
  return new Map(Object.entries(value).map(([key, part]) => [`.${key}`, part]));
}

function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value);
}

function differentElement(actual: ArrayBufferView, expected: ArrayBufferView, place: string): string | undefined {
  if (kindOf(actual) !== kindOf(expected) || actual.byteLength !== expected.byteLength) {
    return `${place} is ${textOf(actual)}; it must be ${textOf(expected)}`;
  }
  const [is, should] = [bytesOf(actual), bytesOf(expected)];
  const byte = is.findIndex((value, at) => value !== should[at]);
  if (byte < 0) return undefined;
  const size = 'BYTES_PER_ELEMENT' in actual ? Number(actual.BYTES_PER_ELEMENT) : 1;
  const at = Math.floor(byte / size);
  const [one, other] = [elementText(actual, at), elementText(expected, at)];
  // Two NaN: nothing but their bits tells them apart.
  const bits = (bytes: Uint8Array) => (one === other ? ` (${hexOf(bytes.subarray(at * size, (at + 1) * size))})` : '');
  return `${place}[${at}] is ${one}${bits(is)}; it must be ${other}${bits(should)}`;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function elementText(view: ArrayBufferView, at: number): string {
  return textOf((view as unknown as ArrayLike<unknown>)[at]);
}

/** Most significant byte first: the machine is little-endian, as all that run fedloom. */
function hexOf(bytes: Uint8Array): string {
  return `0x${[...bytes]
    .reverse()
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')}`;
}

function textOf(value: unknown): string {
  if (ArrayBuffer.isView(value)) return `${kindOf(value).slice(8, -1)} of ${value.byteLength} bytes`;
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (Object.is(value, -0)) return '-0';
  return partsOf(value) === undefined ? String(value) : kindOf(value);
}
