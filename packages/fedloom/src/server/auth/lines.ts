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

function fieldOf(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
