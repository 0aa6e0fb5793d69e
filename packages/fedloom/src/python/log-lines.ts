/** Around the name of whose lines follow, as the other process writes it. */
const MARK = '\x1e';
const LINE_CHARACTERS_MAX = 10_000;
/** A line that is drawn anew at its place, as progress bars are, is told at most so often. */
const REDRAWN_MS = 1000;

/**
 * Cuts what a process prints into lines and says whose each is. A line that ends with a carriage return will be overwritten
 * on a terminal: of several in a second only the first is told, and the last before another kind of line.
 */
export class LogLines {
  #label = '';
  #open = '';
  #redrawn: string | undefined;
  #redrawnMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly tell: (label: string, line: string) => void,
    private readonly now: () => number,
  ) {}

  add(text: string): void {
    // What stands before the first mark, and after each second one, is text.
    const parts = (this.#open + text).split(MARK);
    // A mark that has not come to its end yet.
    const whole = parts.length % 2 === 1 ? parts.length : parts.length - 1;
    for (let at = 0; at < whole; at += 1) {
      if (at % 2 === 1) this.#switch(parts[at] ?? '');
      else this.#open = this.#lines(parts[at] ?? '', at < whole - 1);
    }
    if (whole < parts.length) {
      const before = this.#open;
      this.#open = `${before}${MARK}${parts[whole]}`;
    }
  }

  /** The process has ended. */
  end(): void {
    this.#lines(this.#open, true);
    this.#open = '';
    this.#settle();
  }

  #switch(label: string): void {
    this.#settle();
    this.#label = label;
  }

  /** @param ended whether nothing can follow on the last line @returns what may go on */
  #lines(text: string, ended: boolean): string {
    const pieces = text.split(/(\r\n|\n|\r(?!$))/);
    const rest = pieces.pop() ?? '';
    for (let at = 0; at < pieces.length; at += 2) {
      if (pieces[at + 1] === '\r') this.#redraw(pieces[at] ?? '');
      else this.#line(pieces[at] ?? '');
    }
    if (!ended && rest.length <= LINE_CHARACTERS_MAX) return rest;
    if (rest.endsWith('\r')) this.#redraw(rest.slice(0, -1));
    else if (rest !== '') this.#line(rest);
    return '';
  }

  #line(line: string): void {
    this.#redrawn = undefined;
    this.#redrawnMs = Number.NEGATIVE_INFINITY;
    this.#tell(line);
  }

  #redraw(line: string): void {
    if (line.trim() === '') return;
    const nowMs = this.now();
    if (nowMs - this.#redrawnMs < REDRAWN_MS) {
      this.#redrawn = line;
      return;
    }
    this.#redrawn = undefined;
    this.#redrawnMs = nowMs;
    this.#tell(line);
  }

  #settle(): void {
    if (this.#redrawn !== undefined) this.#tell(this.#redrawn);
    this.#redrawn = undefined;
    this.#redrawnMs = Number.NEGATIVE_INFINITY;
  }

  #tell(line: string): void {
    this.tell(this.#label, line.slice(0, LINE_CHARACTERS_MAX));
  }
}
