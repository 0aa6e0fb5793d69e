import { Console } from 'node:console';
import { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import type { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import type { Colors } from 'picocolors/types.js';
import { visibleWidth } from './format.js';

type LogUpdate = ReturnType<typeof createLogUpdate>;
type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_COLUMNS = 80;

/** Where people read: a terminal, on which some lines can be redrawn, or plain text. */
export class Screen {
  readonly colors: Colors;
  /** Lines can be redrawn. */
  readonly live: boolean;
  readonly #stream: WriteStream | Writable;
  readonly #update: LogUpdate | undefined;
  #shown = '';

  private constructor(stream: Writable | WriteStream, terminal: boolean, env: Environment, update?: LogUpdate) {
    this.#stream = stream;
    this.live = update !== undefined;
    this.colors = pc.createColors(wantsColors(terminal, env));
    this.#update = update;
  }

  static async open(stream: Writable | WriteStream, env: Environment): Promise<Screen> {
    const terminal = 'isTTY' in stream && stream.isTTY === true && env.TERM !== 'dumb';
    if (!terminal || env.CI) return new Screen(stream, terminal, env);
    // Loaded for terminals only: it takes 50 ms, which programs that read our output need not wait.
    const { createLogUpdate } = await import('log-update');
    const screen = new Screen(stream, terminal, env, createLogUpdate(stream as WriteStream, { showCursor: true }));
    stream.on('resize', () => screen.#resized());
    return screen;
  }

  /** Columns that a line may fill; one is left free, since some terminals wrap a full line. */
  get columns(): number {
    const columns = 'columns' in this.#stream ? this.#stream.columns : undefined;
    return Math.max(20, (columns || DEFAULT_COLUMNS) - 1);
  }

  /** Columns that a table may fill: a file or a pipe takes any number. */
  get tableColumns(): number {
    return 'isTTY' in this.#stream && this.#stream.isTTY === true ? this.columns : Number.POSITIVE_INFINITY;
  }

  /** Adds lines that stay, above those that are redrawn. */
  line(text = ''): void {
    if (this.#update === undefined || this.#shown === '') {
      this.#stream.write(`${text}\n`);
      return;
    }
    this.#update.clear();
    this.#stream.write(`${text}\n`);
    this.#update(this.#shown);
  }

  /** Shows these lines at the bottom instead of those before. Does nothing where lines cannot be redrawn. */
  redraw(lines: readonly string[]): void {
    this.#shown = lines.join('\n');
    this.#update?.(this.#shown);
  }

  /** Takes away what was redrawn. */
  clear(): void {
    if (this.#shown === '') return;
    this.#shown = '';
    this.#update?.clear();
    this.#update?.done();
  }

  /** Lines that were redrawn wrap anew where the terminal became narrower, and take more rows than were written. */
  #resized(): void {
    if (this.#update === undefined || this.#shown === '') return;
    const columns = ('columns' in this.#stream && this.#stream.columns) || DEFAULT_COLUMNS;
    const rows = this.#shown.split('\n').map((line) => Math.max(1, Math.ceil(visibleWidth(line) / columns)));
    this.#stream.write(upAndClear(rows.reduce((sum, count) => sum + count)));
    // What it believes to be there is gone.
    this.#update.done();
    this.#update(this.#shown);
  }

  /** A console whose lines appear here without disturbing what is redrawn: for the `console.log` of a user's own code. */
  console(): Console {
    let open = '';
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done) => {
        const lines = (open + String(chunk)).split('\n');
        open = lines.pop() ?? '';
        for (const line of lines) this.line(line);
        done();
      },
    });
    return new Console({ stdout: stream, stderr: stream });
  }
}

/** ECMA-48: the cursor so many rows up, to the first column; everything from there on is erased. */
function upAndClear(rows: number): string {
  return `\u001b[${rows}A\r\u001b[J`;
}

/** https://no-color.org and https://force-color.org */
function wantsColors(terminal: boolean, env: Environment): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0';
  return terminal;
}
