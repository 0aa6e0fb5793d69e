/*
 * F(4, 3) of Lavin and Gray 2016 (arXiv 1509.09308): four outputs of a window of three from six inputs by six products in place of
 * twelve. In two dimensions 36 in place of 144.
 */

export const TILE = 4;
export const POINTS = 6;

/** B^T: six inputs to six points. */
const INPUT = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];

/** A^T: six points to four outputs. */
const OUTPUT = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];

/** G: three weights to six points. */
const WEIGHT = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];

/** How an axis of an image falls into tiles. */
export interface Axis {
  readonly input: number;
  readonly output: number;
  /** Zeros before the first pixel. */
  readonly before: number;
  readonly tiles: number;
}

type Matrix = readonly (readonly number[])[];

/** `[points * tiles, input]`: all tiles of an axis at once, padding included. */
export function inputMatrix({ input, before, tiles }: Axis): Matrix {
  return pointRows(tiles, (point, tile) =>
    Array.from({ length: input }, (_, at) => INPUT[point]?.[at + before - TILE * tile] ?? 0),
  );
}

/** `[points * tiles, output]`: the transpose of what makes outputs of points. */
export function outputMatrix({ output, tiles }: Axis): Matrix {
  return pointRows(tiles, (point, tile) =>
    Array.from({ length: output }, (_, at) => OUTPUT[at - TILE * tile]?.[point] ?? 0),
  );
}

/** `[points * points, 9]`: both axes of a kernel. */
export function weightMatrix(): Matrix {
  return WEIGHT.flatMap((down) => WEIGHT.map((across) => down.flatMap((a) => across.map((b) => a * b))));
}

function pointRows(tiles: number, row: (point: number, tile: number) => readonly number[]): Matrix {
  return Array.from({ length: POINTS * tiles }, (_, index) => row(Math.floor(index / tiles), index % tiles));
}
