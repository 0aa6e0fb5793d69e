import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';

/** How lines for people are written: as they read them, or as an object each, for programs that gather logs. */
export type LogFormat = 'text' | 'json';
export const LOG_FORMATS: readonly LogFormat[] = ['text', 'json'];

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export const LOG_ROLES = ['run', 'server', 'client', 'launch'] as const;

/** Whose log it is; ranks as in an MPI job: 0 is the server, r is client r - 1. */
export interface LogOwner {
  readonly role: (typeof LOG_ROLES)[number];
  readonly rank?: number;
  /** Of a process with several clients: `1,5,9`. */
  readonly ranks?: string;
}

/** What happened; fields are those of the `--json` event of this name, where there is one. */
export interface LogRecord {
  readonly event: string;
  /** Of one client, in the log of a process with several. */
  readonly rank?: number;
  readonly round?: number;
  readonly [field: string]: unknown;
}

/** A log of one JSON object a line: `time` (ISO 8601, UTC), `level`, `role`, `rank` or `ranks`, `event`, and the event's fields. */
export class Log {
  constructor(
    private readonly stream: Pick<Writable, 'write'>,
    private readonly owner: LogOwner,
    private readonly nowMs: () => number = Date.now,
  ) {}

  write(level: LogLevel, record: LogRecord): void {
    this.stream.write(
      `${JSON.stringify({ time: new Date(this.nowMs()).toISOString(), level, ...this.owner, ...record })}\n`,
    );
  }

  /** A record that another process of fedloom wrote as a line, with fields that it could not know; false: it is none. */
  pass(line: string, fields: Readonly<Record<string, unknown>>): boolean {
    if (!line.startsWith('{"time":')) return false;
    try {
      this.stream.write(`${JSON.stringify({ ...JSON.parse(line), ...fields })}\n`);
      return true;
    } catch {
      return false;
    }
  }

  /** Takes lines of text: each that is not empty becomes a record, event `message`. */
  lines(): Writable {
    let open = '';
    return new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done) => {
        const lines = (open + String(chunk)).split('\n');
        open = lines.pop() ?? '';
        for (const line of lines) {
          const message = stripVTControlCharacters(line).trimEnd();
          if (message !== '') this.write(/^warning:/.test(message) ? 'warn' : 'info', { event: 'message', message });
        }
        done();
      },
    });
  }
}
