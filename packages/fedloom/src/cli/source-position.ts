import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A place in a user's file; line and column from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const FRAME = /^\s*at (?:.*? \()?((?:file:\/\/)?[^()]+?):(\d+):(\d+)\)?$/;
/** Where the code of this installation lies: never what a user can mend. */
const OWN_CODE = fileURLToPath(new URL('..', import.meta.url));

/** The innermost frame of a stack trace that lies in a file of the user's own. */
export function userFrame(stack: string): SourcePosition | undefined {
  for (const text of stack.split('\n')) {
    const match = FRAME.exec(text);
    const [, place, line, column] = match ?? [];
    if (place === undefined || place.startsWith('node:')) continue;
    const file = place.startsWith('file://') ? fileURLToPath(place) : place;
    if (/[\\/]node_modules[\\/]/.test(file) || file.startsWith(OWN_CODE) || isEngine(file)) continue;
    if (sourceLine(file, Number(line)) === undefined) continue;
    return { file, line: Number(line), column: Number(column) };
  }
  return undefined;
}

/**
 * The column in the file as it was written. The loader keeps lines but takes types away, which shifts what follows in a
 * line: so the word that stands at the column of the transformed line is looked up in the written one.
 */
export function originalColumn(written: string, transformed: string, column: number): number {
  const start = column - 1;
  const word = /^[\w$]+|^\S/.exec(transformed.slice(start))?.[0];
  const first = written.search(/\S/) + 1;
  if (word === undefined) return first;
  const nth = places(transformed, word).indexOf(start);
  const candidates = places(written, word);
  const place = candidates[nth] ?? candidates.at(-1);
  return place === undefined ? first : place + 1;
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

function isEngine(file: string): boolean {
  return /[\\/]packages[\\/]engine[\\/]dist[\\/]/.test(file);
}

function places(text: string, word: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) found.push(at);
  return found;
}
