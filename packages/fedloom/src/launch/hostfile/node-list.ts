import type { FedloomError } from '@fedloom/engine/base';
import type { TextLine } from './text-line.js';

/** More hosts than any cluster has: a list that is longer is a slip of the keyboard. */
const HOSTS_MAX = 100_000;
/** Of the DNS (RFC 1035, section 2.3.4). */
const NAME_LENGTH_MAX = 253;

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
  let names = [''];
  let from = 0;
  for (const { 0: bracket, 1: ranges = '', index } of text.matchAll(/\[([^[\]]*)\]/g)) {
    const before = text.slice(from, index);
    const numbers = expandRanges(line, ranges, at + index + 1);
    if (names.length * numbers.length > HOSTS_MAX) throw tooMany(line, at);
    names = names.flatMap((name) => numbers.map((number) => `${name}${before}${number}`));
    from = index + bracket.length;
    if ((names[0]?.length ?? 0) > NAME_LENGTH_MAX) throw tooLong(line, at);
  }
  const rest = text.slice(from);
  if (rest.length > NAME_LENGTH_MAX) throw tooLong(line, at);
  return names.map((name) => `${name}${rest}`);
}

function expandRanges(line: TextLine, text: string, at: number): string[] {
  const numbers: string[] = [];
  let place = at;
  for (const range of text.split(',')) {
    const match = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(range);
    const [, first = '', last = first] = match ?? [];
    if (match === null || Number(first) > Number(last)) {
      throw line.error(place, `"${range}" is no range of numbers. Write for instance [0-5,12] or [001-010].`);
    }
    if (numbers.length + Number(last) - Number(first) >= HOSTS_MAX) throw tooMany(line, at);
    for (let number = Number(first); number <= Number(last); number += 1) {
      numbers.push(String(number).padStart(first.length, '0'));
    }
    place += range.length + 1;
  }
  return numbers;
}

function tooMany(line: TextLine, at: number): FedloomError {
  return line.error(at, `more than ${HOSTS_MAX} hosts. Check the ranges.`);
}

function tooLong(line: TextLine, at: number): FedloomError {
  return line.error(at, `a name of more than ${NAME_LENGTH_MAX} characters, which no host has.`);
}
