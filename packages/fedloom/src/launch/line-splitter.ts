const LINE_CHARACTERS_MAX = 1 << 20;

/** Lines of a text that comes in pieces. Of one that was written over by carriage returns, as progress bars do, the last state. */
export class LineSplitter {
  #open = '';

  constructor(private readonly onLine: (line: string) => void) {}

  add(text: string): void {
    const lines = (this.#open + text).split('\n');
    const open = lines.pop() ?? '';
    for (const line of lines) this.onLine(shown(line));
    this.#open = open.length > LINE_CHARACTERS_MAX ? '' : open;
    if (open.length > LINE_CHARACTERS_MAX) this.onLine(shown(open));
  }

  /** Nothing follows: what no line end has closed is a line too. */
  end(): void {
    if (this.#open !== '') this.onLine(shown(this.#open));
    this.#open = '';
  }
}

function shown(line: string): string {
  const states = line.split('\r').filter((state) => state !== '');
  return states.at(-1) ?? '';
}
