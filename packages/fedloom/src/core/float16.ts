/** 2^(e-25): the unit of the last place of a normal half with biased exponent e. */
const QUANTA = Float64Array.from({ length: 31 }, (_, e) => 2 ** (e - 25));
/** Adding and subtracting it rounds 0 <= x < 2^51 to an integer, half to even. */
const ROUNDER = 2 ** 52;
const SMALLEST_NORMAL = 2 ** -14;

/** IEEE 754 binary16 values from their bit patterns; exact. */
export function decodeHalves(halves: Uint16Array): Float64Array {
  const values = new Float64Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const bits = halves[i]!;
    const exponent = (bits >>> 10) & 31;
    const mantissa = bits & 1023;
    let value: number;
    if (exponent === 31) value = mantissa === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
    else value = exponent === 0 ? mantissa * 2 ** -24 : (mantissa + 1024) * QUANTA[exponent]!;
    values[i] = bits & 0x8000 ? -value : value;
  }
  return values;
}

/** The bit patterns of the nearest binary16 values, half to even, in one rounding; beyond the range: infinity. */
export function encodeHalves(values: Float64Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  const scratch = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < values.length; i++) {
    scratch.setFloat64(0, values[i]!);
    const high = scratch.getUint32(0);
    const sign = (high >>> 16) & 0x8000;
    halves[i] = sign | magnitude(Math.abs(values[i]!), ((high >>> 20) & 2047) - 1023);
  }
  return halves;
}

/** @param exponent floor(log2(value)) where the value is a normal half. */
function magnitude(value: number, exponent: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  if (value >= 65536) return 0x7c00;
  if (value < SMALLEST_NORMAL) return value * 2 ** 24 + ROUNDER - ROUNDER;
  const significand = value * 2 ** (10 - exponent) + ROUNDER - ROUNDER;
  // A significand that rounds up to 2048 carries into the exponent, the largest into infinity.
  return ((exponent + 15) << 10) + (significand - 1024);
}
