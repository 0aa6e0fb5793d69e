import { FedloomError } from '@fedloom/engine/base';

export type CallOptions = Readonly<Record<string, number | boolean | string>>;

/** Something that is chosen by its name, with its settings. */
export interface Call {
  readonly name: string;
  readonly options: CallOptions;
}

const NAME = /[A-Za-z][A-Za-z0-9]*(?:\/[A-Za-z][A-Za-z0-9]*)?/y;
const KEY = /[A-Za-z][A-Za-z0-9]*/y;
const SPACE = /\s*/y;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy;
const BARE = /[^\s,()='"]+/y;
const NUMBER = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|Infinity)$|^NaN$/i;
/** Words that need no quotes; all others get them. */
const PLAIN_WORD = /^[A-Za-z][A-Za-z0-9_./:-]*$/;

/**
 * Parses `name` or `name(key=value, key=value)`, as in `--fold 'krum(f=1)'`. Values are numbers (`1e-3`), `true`, `false`,
 * and words, which need quotes where they hold spaces or look like one of the others.
 * @param example what a right one looks like, for the message
 * @throws FedloomError `call.syntax`
 */
export function parseCall(text: string, example = 'krum(f=1)'): Call {
  const reader = new Reader(text, example);
  const name = reader.take(NAME, 'a name');
  const options: Record<string, number | boolean | string> = {};
  if (reader.skip('(')) {
    while (!reader.skip(')')) {
      const key = reader.take(KEY, 'the name of an option, or ")"');
      if (Object.hasOwn(options, key)) throw reader.broken(`"${key}" is given twice`);
      reader.expect('=');
      options[key] = readValue(reader);
      if (reader.skip(',')) continue;
      reader.expect(')', '"," or ")"');
      break;
    }
  }
  reader.end();
  return { name, options };
}

/** The text of a call: `parseCall` gives back the same name and options. */
export function formatCall(name: string, options: CallOptions): string {
  const entries = Object.entries(options).map(([key, value]) => `${key}=${formatValue(value)}`);
  return entries.length === 0 ? name : `${name}(${entries.join(', ')})`;
}

function formatValue(value: number | boolean | string): string {
  if (typeof value !== 'string') return Object.is(value, -0) ? '-0' : String(value);
  return PLAIN_WORD.test(value) && typeof bareValue(value) === 'string' ? value : JSON.stringify(value);
}

function readValue(reader: Reader): number | boolean | string {
  const quoted = reader.match(QUOTED);
  if (quoted === undefined) {
    const value = bareValue(reader.take(BARE, 'a value'));
    if (value === undefined) throw reader.broken('a number beyond 1.8e308');
    return value;
  }
  if (quoted.startsWith("'")) return quoted.slice(1, -1).replace(/\\(.)/gs, '$1');
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw reader.broken(`${quoted} is no JSON string`);
  }
}

/** What an unquoted value means; undefined for a number that no float64 holds. */
function bareValue(word: string): number | boolean | string | undefined {
  if (word === 'true' || word === 'false') return word === 'true';
  if (!NUMBER.test(word)) return word;
  const value = Number(word);
  return Number.isFinite(value) || !/\d/.test(word) ? value : undefined;
}

/** A place in the text, and how to go on from there. */
class Reader {
  #at = 0;

  constructor(
    private readonly text: string,
    private readonly example: string,
  ) {}

  /** What stands next, behind spaces, if it is of this pattern. */
  match(pattern: RegExp): string | undefined {
    SPACE.lastIndex = this.#at;
    const from = this.#at + (SPACE.exec(this.text)?.[0].length ?? 0);
    pattern.lastIndex = from;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.#at = from + found.length;
    return found;
  }

  take(pattern: RegExp, what: string): string {
    const found = this.match(pattern);
    if (found === undefined) throw this.broken(`${what} was expected`);
    return found;
  }

  skip(mark: string): boolean {
    const next = this.text.slice(this.#at).trimStart();
    if (!next.startsWith(mark)) return false;
    this.#at = this.text.length - next.length + mark.length;
    return true;
  }

  expect(mark: string, what = `"${mark}"`): void {
    if (!this.skip(mark)) throw this.broken(`${what} was expected`);
  }

  end(): void {
    if (this.text.slice(this.#at).trim() !== '') throw this.broken('nothing more was expected');
  }

  broken(why: string): FedloomError {
    const { text, example } = this;
    const [read, rest] = [text.slice(0, this.#at), text.slice(this.#at)];
    const where = rest.trim() === '' ? 'at its end' : `after ${JSON.stringify(read)}, at ${JSON.stringify(rest)}`;
    return new FedloomError(
      'call.syntax',
      `${JSON.stringify(text)} cannot be read ${where}: ${why}. Write it like ${example}.`,
      { text, at: this.#at },
    );
  }
}
