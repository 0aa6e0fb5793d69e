import { type IndexRange, parseRanges } from '../../core/index-ranges.js';

/** A line of a file about clients: a word, and fields `name=value` behind it. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly word: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** The lines that say something; what follows `#` is for people. */
export function linesOf(text: string): readonly Line[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const words = line.replace(/(?:^|\s)#.*$/, '').split(/\s+/);
    const [word, ...fields] = words.filter((one) => one !== '');
    if (word === undefined) return [];
    return [{ number: index + 1, word, fields: new Map(fields.map(fieldOf)) }];
  });
}

/** The field `clients=0-4,7`. @returns undefined where there is none @throws what `broken` makes of other texts */
export function clientsOf({ fields }: Line, broken: (why: string) => Error): readonly IndexRange[] | undefined {
  const text = fields.get('clients');
  if (text === undefined) return undefined;
  try {
    return parseRanges(text);
  } catch {
    throw broken('clients= names indices such as 7 or 0-4,7');
  }
}

function fieldOf(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
