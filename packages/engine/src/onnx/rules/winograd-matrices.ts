/*
 * The minimal filtering of Winograd, as Lavin and Gray 2016 (arXiv 1509.09308) use it: `TILE` outputs of a window of r weights from
 * n = TILE + r - 1 inputs by n products in place of TILE * r. In two dimensions F(4, 3) takes 36 in place of 144, F(4, 5) 64 in place of 400.
 *
 * Inputs and weights are taken for polynomials and evaluated at n - 1 points and at infinity, where the product is a product of numbers.
 */

export const TILE = 4;

/** Small numbers whose powers are small, too: what they differ in is what float32 loses. */
const POINTS = [0, 1, -1, 2, -2, 1 / 2, -1 / 2];

type Matrix = readonly (readonly number[])[];

/** Of windows of so many weights. */
export interface Filtering {
  /** How many points there are. */
  readonly points: number;
  readonly kernel: number;
  /** B^T: inputs to points, `[points, points]`. */
  readonly input: Matrix;
  /** A^T: points to outputs, `[TILE, points]`. */
  readonly output: Matrix;
  /** G: weights to points, `[points, kernel]`. */
  readonly weight: Matrix;
}

const filterings = new Map([3, 5].map((kernel) => [kernel, filteringOf(kernel)]));

/** Undefined for kernels for which it gains nothing. */
export function filtering(kernel: number): Filtering | undefined {
  return filterings.get(kernel);
}

function filteringOf(kernel: number): Filtering {
  const points = TILE + kernel - 1;
  const finite = POINTS.slice(0, points - 1);
  const others = (point: number) => finite.filter((other) => other !== point);
  const scale = (point: number) => others(point).reduce((product, other) => product * (point - other), 1);
  const row = (count: number, of: (k: number) => number) => Array.from({ length: count }, (_, k) => of(k));
  const atInfinity = (count: number) => row(count, (k) => (k === count - 1 ? 1 : 0));
  return {
    points,
    kernel,
    input: [...finite.map((point) => [...polynomial(others(point)), 0]), polynomial(finite)],
    output: atInfinity(TILE).map((last, k) => [...finite.map((point) => point ** k), last]),
    weight: [...finite.map((point) => row(kernel, (k) => unsignedZero(point ** k / scale(point)))), atInfinity(kernel)],
  };
}

/** Coefficients of the product of all (x - root), that of x to the power of 0 first. */
function polynomial(roots: readonly number[]): readonly number[] {
  let coefficients = [1];
  for (const root of roots) {
    const [shifted, scaled] = [
      [0, ...coefficients],
      [...coefficients, 0],
    ];
    coefficients = shifted.map((value, k) => value - root * (scaled[k] ?? 0));
  }
  return coefficients.map(unsignedZero);
}

/** 0 for -0: a plan's bytes say what is meant. */
function unsignedZero(value: number): number {
  return value + 0;
}

/** How an axis of an image falls into tiles. */
export interface Axis {
  readonly input: number;
  readonly output: number;
  /** Zeros before the first pixel. */
  readonly before: number;
  readonly tiles: number;
}

/** `[points * tiles, input]`: all tiles of an axis at once, padding included. */
export function inputMatrix({ input, before, tiles }: Axis, { points, input: matrix }: Filtering): Matrix {
  return pointRows(points, tiles, (point, tile) =>
    Array.from({ length: input }, (_, at) => matrix[point]?.[at + before - TILE * tile] ?? 0),
  );
}

/** `[points * tiles, output]`: the transpose of what makes outputs of points. */
export function outputMatrix({ output, tiles }: Axis, { points, output: matrix }: Filtering): Matrix {
  return pointRows(points, tiles, (point, tile) =>
    Array.from({ length: output }, (_, at) => matrix[at - TILE * tile]?.[point] ?? 0),
  );
}

/** `[points * points, kernel * kernel]`: both axes of a kernel. */
export function weightMatrix({ weight }: Filtering): Matrix {
  return weight.flatMap((down) => weight.map((across) => down.flatMap((a) => across.map((b) => a * b))));
}

function pointRows(points: number, tiles: number, row: (point: number, tile: number) => readonly number[]): Matrix {
  return Array.from({ length: points * tiles }, (_, index) => row(Math.floor(index / tiles), index % tiles));
}
