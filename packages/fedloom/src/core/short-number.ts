/** A number of unlike sizes for people, to three digits: `0.52`, `999`, `6.8e+10`. */
export function shortNumber(value: number): string {
  const rounded = Number(value.toPrecision(3));
  const size = Math.abs(rounded);
  return size !== 0 && (size >= 1e6 || size < 1e-3) ? rounded.toExponential() : String(rounded);
}
