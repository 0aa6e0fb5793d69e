import asciichart from 'asciichart';
import { formatMetric, isFraction } from './format.js';

const HEIGHT = 8;
const POINTS_MAX = 60;
const AXIS_COLUMNS = 2;

/** One value a round, for those rounds that have one. */
export interface CurvePoint {
  readonly round: number;
  readonly value: number;
}

/** A small line chart, at most `width` columns; nothing for fewer than two points. Rounds are told from 1. */
export function curve(name: string, points: readonly CurvePoint[], width: number): string[] {
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length < 2) return [];
  const values = points.map(({ value }) => value);
  const range = Math.max(...values) - Math.min(...values);
  // As many digits as tell one line from the next.
  const digits = range >= 0.02 ? 1 : 2;
  const label = (value: number) =>
    isFraction(name) ? `${(100 * value).toFixed(digits)} %` : formatMetric(name, value);
  const labelColumns = Math.max(...[Math.min(...values), Math.max(...values)].map((value) => label(value).length)) + 1;
  const columns = Math.min(POINTS_MAX, width - labelColumns - AXIS_COLUMNS - 1);
  if (columns < 8) return [];
  const resampled = resample(points, columns);
  const lines = range === 0 ? [flatLine(label(first.value), columns)] : plot(resampled, label, labelColumns);
  const from = `round ${first.round + 1}`;
  const to = `${last.round + 1}`;
  const gap = Math.max(1, resampled.length - from.length - to.length);
  return [...lines, `${' '.repeat(labelColumns + AXIS_COLUMNS)}${from}${' '.repeat(gap)}${to}`];
}

function plot(values: readonly number[], label: (value: number) => string, labelColumns: number): string[] {
  const format = (value: number) => label(value).padStart(labelColumns);
  const lines = asciichart.plot(values, { height: HEIGHT, format }).split('\n');
  // It marks where the curve begins, and another line of its own.
  return lines.map((line) => line.replace('┼', '┤').trimEnd());
}

/** Drawn here, since asciichart labels a line of equal values with another number. */
function flatLine(label: string, columns: number): string {
  return ` ${label} ┤${'─'.repeat(columns - 1)}`;
}

/** The curve at evenly spaced rounds: between two points, on the line that joins them. */
function resample(points: readonly CurvePoint[], columns: number): number[] {
  const first = points[0] as CurvePoint;
  const span = (points.at(-1) as CurvePoint).round - first.round;
  let next = 1;
  return Array.from({ length: columns }, (_, column) => {
    const round = first.round + (span * column) / (columns - 1);
    while (next < points.length - 1 && (points[next] as CurvePoint).round < round) next += 1;
    const [a, b] = [points[next - 1] as CurvePoint, points[next] as CurvePoint];
    const share = Math.min(1, Math.max(0, (round - a.round) / (b.round - a.round)));
    return a.value + share * (b.value - a.value);
  });
}
