const LINE_CHARACTERS_MAX = 2000;

/** Keeps the last lines of a text that comes in pieces, in bounded memory. */
export class LastLines {
  #lines: string[] = [];
  #open = '';

  constructor(private readonly linesMax: number) {}

  add(text: string): void {
    const lines = (this.#open + text).split(/\r?\n/);
    this.#open = (lines.pop() as string).slice(-LINE_CHARACTERS_MAX);
    const whole = lines.filter((line) => line.trim() !== '').map((line) => line.slice(0, LINE_CHARACTERS_MAX));
    this.#lines = [...this.#lines, ...whole].slice(-this.linesMax);
  }

  /** Also the last one, which nothing has closed. */
  all(): string[] {
    return this.#open.trim() === '' ? [...this.#lines] : [...this.#lines, this.#open].slice(-this.linesMax);
  }
}
