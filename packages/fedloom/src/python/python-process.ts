import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { FedloomError } from '@fedloom/engine/base';
import { LastLines } from '../core/last-lines.js';
import { LogLines } from './log-lines.js';
import type { Refusal, ReplyTo, Request } from './requests.js';
import { SharedFile } from './shared-file.js';

/** The package that lies beside the code: for the files that tsc writes, in `dist/python/`, and for those bundled. */
const PACKAGE = fileURLToPath(new URL('../python-package', import.meta.url));
const REQUESTS_FD = 3;
const LIFELINE_FD = 4;
const FILE_FD = 5;
const LINES_KEPT = 12;
/** Any Python must be able to read this, however old it is. */
const START = `
import sys
if sys.version_info < (3, 8):
    sys.stderr.write("fedloom-python-version %d.%d\\n" % sys.version_info[:2])
    sys.exit(3)
writes_bytecode = not sys.dont_write_bytecode
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv.pop(1))
from fedloom.worker.main import main
main(writes_bytecode)
`;

export interface PythonProcessOptions {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  /** What its code prints, line by line; `label` says for whom it worked. */
  readonly log: (label: string, line: string) => void;
}

interface Asked {
  readonly resolve: (reply: never) => void;
  readonly reject: (error: Error) => void;
}

/** A Python process that answers one request at a time. It ends with this process, and whatever it started with it. */
export class PythonProcess {
  readonly file = new SharedFile();
  /** Why it ended, once it has. */
  readonly ended: Promise<Error>;
  readonly #child: ChildProcess;
  readonly #requests: Duplex;
  readonly #lines = new LastLines(LINES_KEPT);
  #asked: Asked | undefined;
  #end: Error | undefined;
  #open = '';

  constructor(private readonly options: PythonProcessOptions) {
    const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
    stdio[REQUESTS_FD] = 'pipe';
    stdio[LIFELINE_FD] = 'pipe';
    stdio[FILE_FD] = this.file.fd;
    // A group of its own: Ctrl-C is for its parent, and what it starts ends with it.
    this.#child = spawn(options.python, ['-u', '-c', START, PACKAGE], { stdio, env: options.env, detached: true });
    this.#requests = this.#child.stdio[REQUESTS_FD] as Duplex;
    // That they break shows in the process's end.
    for (const pipe of [this.#requests, this.#child.stdio[LIFELINE_FD]]) pipe?.on('error', () => {});
    this.#requests.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      const lines = new LogLines((label, line) => this.#line(label, line), performance.now.bind(performance));
      stream?.setEncoding('utf8').on('data', (text: string) => lines.add(text));
      stream?.once('close', () => lines.end());
    }
    this.ended = new Promise((resolve) => {
      let isGone = false;
      const gone = (error: Error) => {
        if (isGone) return;
        isGone = true;
        this.#end ??= error;
        this.file.close();
        this.#asked?.reject(this.#end);
        this.#asked = undefined;
        resolve(this.#end);
      };
      this.#child.once('error', (error: NodeJS.ErrnoException) => gone(cannotStart(options.python, error)));
      // What it started may hold its pipes open.
      this.#child.once('exit', () => this.#killGroup());
      this.#child.once('close', (code, signal) => gone(this.#lost(code, signal)));
    });
  }

  get isAlive(): boolean {
    return this.#end === undefined;
  }

  /**
   * @param label for whom it works, before each line that it prints meanwhile
   * @throws FedloomError as the process answers, or why it ended
   */
  ask<Q extends Request>(request: Q, label: string): Promise<ReplyTo<Q>> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) return reject(this.#end);
      this.#asked = { resolve, reject };
      this.#requests.write(`${JSON.stringify({ ...request, label })}\n`);
    });
  }

  /** Ends it at once. @param why what whoever waits for an answer is told */
  kill(why: Error): void {
    this.#end ??= why;
    this.#killGroup();
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.reject(this.#end);
  }

  #hear(text: string): void {
    const lines = (this.#open + text).split('\n');
    this.#open = lines.pop() ?? '';
    for (const line of lines) {
      const asked = this.#asked;
      this.#asked = undefined;
      const reply = JSON.parse(line) as Refusal | object;
      if ('error' in reply) asked?.reject(refused(reply));
      else asked?.resolve(reply as never);
    }
  }

  #line(label: string, line: string): void {
    this.#lines.add(`${line}\n`);
    if (!line.startsWith('fedloom-python-version ')) this.options.log(label, line);
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It is gone, and with it whatever it started.
    }
  }

  #lost(code: number | null, signal: NodeJS.Signals | null): Error {
    const { python } = this.options;
    const lines = this.#lines.all();
    const version = /^fedloom-python-version (.*)$/.exec(lines.at(-1) ?? '')?.[1];
    if (version !== undefined) {
      const message = `${python} is Python ${version}: trainers need 3.8 or later. Name another one with the option python, or the variable FEDLOOM_PYTHON.`;
      return new FedloomError('python.too-old', message, { python, version });
    }
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
    const hint = signal === 'SIGKILL' ? ' The system may have been out of memory.' : '';
    const told = lines.map((line) => `\n  ${line}`).join('');
    return new FedloomError('python.lost', `Its Python process ended with ${how}.${hint}${told}`, { how });
  }
}

function cannotStart(python: string, cause: NodeJS.ErrnoException): FedloomError {
  const why = cause.code === 'ENOENT' ? 'there is no such program' : cause.message;
  const message = `Cannot start ${python}: ${why}. Install Python 3.8 or later, or name one with the option python, or the variable FEDLOOM_PYTHON.`;
  return new FedloomError('python.not-found', message, { python }, { cause });
}

function refused({ error: { code, message, fields } }: Refusal): FedloomError {
  return new FedloomError<'python.raised'>(code as 'python.raised', message, fields);
}
