import type { TextLine } from './text-line.js';

/** More hosts than any cluster has: a list that is longer is a slip of the keyboard. */
const HOSTS_MAX = 100_000;

/** An item of a list, and where in the line it begins. */
export interface Item {
  readonly text: string;
  readonly at: number;
}

/** Divides a part of a line at the commas that stand in no brackets: `tux[0-5,12],n1` gives two items. */
export function splitAtCommas(line: TextLine, text: string, at: number): Item[] {
  const items: Item[] = [];
  let start = 0;
  let open: number | undefined;
  for (let i = 0; i <= text.length; i += 1) {
    const sign = text[i];
    if (sign === '[') {
      if (open !== undefined) throw line.error(at + i, 'a bracket within brackets. Write tux[0-5,12].');
      open = i;
    } else if (sign === ']') {
      if (open === undefined) throw line.error(at + i, 'a closing bracket without an opening one.');
      open = undefined;
    } else if (sign === undefined || (sign === ',' && open === undefined)) {
      items.push({ text: text.slice(start, i), at: at + start });
      start = i + 1;
    }
  }
  if (open !== undefined) throw line.error(at + open, 'this bracket is not closed.');
  return items;
}

/**
 * The names that a Slurm name with ranges stands for, in order: `tux[0-2,12]`, `tux[001-010]` with its zeros, `r[1-2]n[0-3]`
 * with the last range the fastest. A name without brackets stands for itself.
 */
export function expandNodeName(line: TextLine, { text, at }: Item): string[] {
  const match = /^([^[\]]*)\[([^[\]]*)\](.*)$/.exec(text);
  if (match === null) return [text];
  const [, before = '', ranges = '', after = ''] = match;
  const numbersAt = at + before.length + 1;
  const rest = expandNodeName(line, { text: after, at: numbersAt + ranges.length + 1 });
  const names: string[] = [];
  for (const number of expandRanges(line, ranges, numbersAt)) {
    for (const one of rest) names.push(`${before}${number}${one}`);
    if (names.length > HOSTS_MAX) throw line.error(at, `more than ${HOSTS_MAX} hosts. Check the ranges.`);
  }
  return names;
}

function* expandRanges(line: TextLine, text: string, at: number): Generator<string> {
  let place = at;
  for (const range of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range);
    const [, first = '', last = first] = match ?? [];
    if (match === null || Number(first) > Number(last)) {
      throw line.error(place, `"${range}" is no range of numbers. Write for instance [0-5,12] or [001-010].`);
    }
    for (let number = Number(first); number <= Number(last); number += 1) {
      yield String(number).padStart(first.length, '0');
    }
    place += range.length + 1;
  }
}
