import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFolder } from './own-files.js';
import { transformed } from './transform.js';

/** A place in a user's file; line and column from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const PLACE = /^(.+):(\d+):(\d+)$/;

/** The innermost frame of a stack trace that lies in a file of the user's own. */
export function userFrame(stack: string): SourcePosition | undefined {
  for (const text of stack.split('\n')) {
    const [, place, line, column] = PLACE.exec(placeIn(text)) ?? [];
    if (place === undefined || place.startsWith('node:')) continue;
    const file = place.startsWith('file://') ? fileURLToPath(place) : place;
    if (/[\\/]node_modules[\\/]/.test(file) || file.startsWith(packageFolder) || isEngine(file)) continue;
    if (sourceLine(file, Number(line)) === undefined) continue;
    return { file, line: Number(line), column: Number(column) };
  }
  return undefined;
}

/**
 * The column in the file as it was written. The loader keeps lines but takes types away and rewrites imports and exports,
 * which shifts what follows in a line: so the word that stands at the column of the transformed line is looked up in the
 * written one. Words are counted from the end, since what is added stands mostly at the start.
 */
export function originalColumn(written: string, transformed: string, column: number): number {
  const first = written.search(/\S/) + 1;
  const words = wordsOf(transformed);
  // A call of an import `f` is made `(0, _module.f)(`, and reported at its last parenthesis.
  const imported = /\(0, ?[\w$.]*?([\w$]+)\)$/.exec(transformed.slice(0, column - 1))?.[1];
  const place = imported === undefined ? column - 1 : column - 2 - imported.length;
  const at = words.find(({ start }) => start === place);
  if (at === undefined) return first;
  const same = (word: { readonly text: string }) => word.text === at.text;
  const fromEnd = words.filter(same).reverse().indexOf(at);
  const candidates = wordsOf(written).filter(same).reverse();
  const found = candidates[fromEnd] ?? candidates.at(-1);
  return found === undefined ? first : found.start + 1;
}

/** The column, as it was written, of a frame of a file that was loaded. */
export function columnOf({ file, line, column }: SourcePosition): number {
  const source = readFileSync(file, 'utf8');
  const written = source.split(/\r?\n/)[line - 1] ?? '';
  try {
    return originalColumn(written, transformed(source, file).split('\n')[line - 1] ?? '', column);
  } catch {
    return Math.max(1, written.search(/\S/) + 1);
  }
}

/** `task.ts:3:14`, from the working directory where it lies below it. */
export function formatPosition({ file, line, column }: SourcePosition): string {
  const name = relative(process.cwd(), file);
  return `${name.startsWith('..') ? file : name}:${line}:${column}`;
}

/** The line with its number, those before it, and a caret below the column. */
export function codeFrame({ file, line, column }: SourcePosition): string {
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  const from = Math.max(1, line - 2);
  const width = String(line).length;
  const shown = lines.slice(from - 1, line).map((text, i) => {
    const number = from + i;
    return `${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${text.slice(0, 160)}`;
  });
  // Tabs stay tabs, so that the caret stands where the reader's terminal puts the column.
  const indent = (lines[line - 1] ?? '').slice(0, column - 1).replace(/[^\t]/g, ' ');
  return [...shown, `  ${' '.repeat(width)} | ${indent}^`].join('\n');
}

export function sourceLine(file: string, line: number): string | undefined {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)[line - 1];
  } catch {
    return undefined;
  }
}

/** What stands in a frame's parentheses, or all of it: `at f (/a/b.ts:1:2)`, `at /a/b.ts:1:2`. */
function placeIn(frame: string): string {
  const text = frame.trim().replace(/^at (?:async )?/, '');
  return text.endsWith(')') ? text.slice(text.indexOf(' (') + 2, -1) : text;
}

function isEngine(file: string): boolean {
  return /[\\/]packages[\\/]engine[\\/](?:dist|src)[\\/]/.test(file);
}

function wordsOf(text: string): { readonly text: string; readonly start: number }[] {
  return [...text.matchAll(/[\w$]+|[^\s\w$]/g)].map((match) => ({ text: match[0], start: match.index }));
}
