import { type Row, reached, type Target } from './row.js';
import type { Summary } from './stats.js';

const HEADINGS = ['Workload', 'Measure', 'fedloom', 'Other side', 'Ratio', 'To reach', 'Reached'] as const;

/** Plain text, its columns aligned; the notes of rows stand below it. */
export function plainTable(rows: readonly Row[]): string {
  const cells = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((line) => (line[column] as string).length)));
  const lines = cells.map((line) => line.map((cell, column) => cell.padEnd(widths[column] as number)).join('  '));
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return [...lines.map((line) => line.trimEnd()), ...notesOf(rows)].join('\n');
}

export function markdownTable(rows: readonly Row[]): string {
  const lines = [HEADINGS, HEADINGS.map(() => '---'), ...rows.map(cellsOf)].map((line) => `| ${line.join(' | ')} |`);
  const notes = notesOf(rows).map((note) => `- ${note}`);
  return [...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

function cellsOf(row: Row): readonly string[] {
  const { workload, measure, unit, ours, peer, ratio, target } = row;
  const met = reached(row);
  return [
    workload,
    measure,
    withSpread(ours, unit),
    peer === undefined ? '-' : `${withSpread(peer, unit)} ${peer.name}`,
    ratio === undefined ? '-' : withSpread(ratio, 'x'),
    target === undefined ? '-' : describeTarget(target, unit),
    met === undefined ? '-' : met ? 'yes' : 'NO',
  ];
}

function notesOf(rows: readonly Row[]): string[] {
  return rows.filter((row) => row.note !== undefined).map((row) => `${row.workload}, ${row.measure}: ${row.note}`);
}

function withSpread({ median, min, max, count }: Summary, unit: string): string {
  const value = `${short(median)}${unit === 'x' ? 'x' : ` ${unit}`}`;
  return count === 1 ? value : `${value} (${short(min)}-${short(max)})`;
}

function describeTarget(target: Target, unit: string): string {
  const [word, bound] = 'atLeast' in target ? ['>=', target.atLeast] : ['<=', target.atMost];
  return target.of === 'ratio' ? `${word} ${bound}x` : `${word} ${short(bound)} ${unit}`;
}

/** Three significant digits, thousands apart. */
function short(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(digits, 4) });
}
