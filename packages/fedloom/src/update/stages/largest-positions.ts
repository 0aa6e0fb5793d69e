import type { Floats } from './float-tensors.js';

/** Digits of 16 bits. */
const DIGITS = 65536;
/** All bits of the first digit but the sign: without it, digits are ordered as the magnitudes are. */
const MAGNITUDE_BITS = 0x7fff;

/**
 * The positions of the `count` elements of largest magnitude, ascending; of equal ones the first. The magnitudes' bits are
 * sorted into bins of 16 bits each, from the first digit on, and only the bin in which the last chosen element lies is
 * looked at further: O(n) for any values, the same on every platform.
 * @param values without NaN; at least `count` of them. Like all machines that run fedloom, the arrays are little-endian.
 */
export function largestPositions(values: Floats, count: number): Int32Array {
  const positions = new Int32Array(count);
  if (count === 0) return positions;
  const { threshold, equal } = smallestChosen(values, count);
  let at = 0;
  let equalLeft = equal;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude < threshold) continue;
    if (magnitude === threshold && equalLeft-- <= 0) continue;
    positions[at++] = i;
  }
  return positions;
}

/** The magnitude of the least chosen element, and how many of that magnitude are chosen. */
function smallestChosen(values: Floats, count: number): { readonly threshold: number; readonly equal: number } {
  const perValue = values.BYTES_PER_ELEMENT / 2;
  const digits = new Uint16Array(values.buffer, values.byteOffset, values.length * perValue);
  const bins = new Uint32Array(DIGITS);
  let mask = MAGNITUDE_BITS;
  // Where the digit of the current place of each candidate is: at first that of all values.
  let places: Int32Array = everyPlace(values.length, perValue);
  for (let left = count; ; ) {
    countDigits(digits, places, mask, bins.fill(0));
    let digit = mask;
    for (; bins[digit]! < left; digit--) left -= bins[digit]!;
    const isLast = places[0]! % perValue === 0;
    places = placesBehind(digits, places, mask, digit, new Int32Array(bins[digit]!), isLast ? 0 : 1);
    // All candidates have all digits in common now.
    if (isLast) return { threshold: Math.abs(values[places[0]! / perValue]!), equal: left };
    mask = DIGITS - 1;
  }
}

/** Loops of their own compile sooner than within a larger function. */
function everyPlace(length: number, perValue: number): Int32Array {
  const places = new Int32Array(length);
  for (let i = 0; i < length; i++) places[i] = (i + 1) * perValue - 1;
  return places;
}

function countDigits(digits: Uint16Array, places: Int32Array, mask: number, bins: Uint32Array): void {
  for (let i = 0; i < places.length; i++) bins[digits[places[i]!]! & mask]!++;
}

/** The places with this digit, each `back` places before. */
function placesBehind(
  digits: Uint16Array,
  places: Int32Array,
  mask: number,
  digit: number,
  kept: Int32Array,
  back: number,
): Int32Array {
  let at = 0;
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    if ((digits[place]! & mask) === digit) kept[at++] = place - back;
  }
  return kept;
}

/** The readable reference: sorts all positions. */
export function plainLargestPositions(values: Floats, count: number): Int32Array {
  const order = [...values.keys()].sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!) || a - b);
  return Int32Array.from(order.slice(0, count)).sort();
}
