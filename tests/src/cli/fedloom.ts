import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach } from 'vitest';
import { root } from '../repository/source-tree.js';

const COMMAND = join(root, 'packages/fedloom/bin/fedloom.cjs');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type JsonLine = Readonly<Record<string, unknown>> & { readonly event: string };

/** The real command as a process, with what it has said so far. */
export class Fedloom {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
    const { cwd, env } = options;
    this.child = spawn(process.execPath, [COMMAND, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  get events(): JsonLine[] {
    const lines = this.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as JsonLine);
  }

  /** The first event of a name, as soon as it is there; fails when the command ends without it. */
  async event(name: string, test: (event: JsonLine) => boolean = () => true): Promise<JsonLine> {
    return this.until(`event ${name}`, () => this.events.find((event) => event.event === name && test(event)));
  }

  async until<T>(what: string, find: () => T | undefined): Promise<T> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    for (;;) {
      const last = over;
      const found = find();
      if (found !== undefined) return found;
      if (last) throw new Error(`the command ended without ${what}:\n${this.stdout}\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const folders: string[] = [];
const commands: Fedloom[] = [];

afterEach(async () => {
  for (const { child } of commands.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A folder of its own for one test; taken away after it. */
export class Workplace {
  private constructor(readonly path: string) {}

  static async create(files: Readonly<Record<string, string>> = {}): Promise<Workplace> {
    const place = new Workplace(await mkdtemp(join(tmpdir(), 'fedloom-cli-')));
    folders.push(place.path);
    for (const [name, text] of Object.entries(files)) await place.write(name, text);
    return place;
  }

  async write(name: string, text: string): Promise<void> {
    const path = resolve(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  /** Starts `fedloom` with these arguments; a text is split at blanks. */
  start(args: string | readonly string[], env?: NodeJS.ProcessEnv): Fedloom {
    const words = typeof args === 'string' ? args.split(' ').filter((arg) => arg !== '') : args;
    const command = new Fedloom(words, { cwd: this.path, ...(env && { env }) });
    commands.push(command);
    return command;
  }

  run(args: string | readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
    return this.start(args, env).ended;
  }

  /** Runs `fedloom` with a terminal of its own, which takes both of its outputs. */
  runOnTerminal(args: string, env?: NodeJS.ProcessEnv): Promise<Ended> {
    const terminal = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
    const command = [process.execPath, COMMAND, ...args.split(' ')];
    const child = spawn('python3', ['-c', terminal, ...command], {
      cwd: this.path,
      env: { ...process.env, TERM: 'xterm', CI: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const read = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        read[name] += text;
      });
    }
    return new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal, ...read }));
    });
  }
}

/** Three Gaussian clouds and logistic regression: a run takes a second. */
export const CLOUDS = `
import { accuracy, arrays, defineTask, dense, RandomStream, sequential, sgd, softmaxCrossEntropy } from 'fedloom';

const FEATURES = 6;
const random = RandomStream.of(7, 'clouds');
const centres: number[] = Array.from({ length: 3 * FEATURES }, () => random.normal());

function draw(count: number) {
  const y = Int32Array.from({ length: count }, (_, i) => i % 3);
  const x = Float32Array.from({ length: count * FEATURES }, (_, i) => {
    const row = Math.floor(i / FEATURES);
    return centres[y[row]! * FEATURES + (i % FEATURES)]! + 0.8 * random.normal();
  });
  return {
    x: { dtype: 'float32' as const, shape: [count, FEATURES], data: x },
    y: { dtype: 'int32' as const, shape: [count], data: y },
  };
}

export default defineTask({
  name: 'clouds',
  data: arrays({ name: 'clouds', train: draw(600), test: draw(150), classes: 3 }),
  model: sequential([dense(3)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 8, optimizer: sgd({ learningRate: 0.1 }) },
});
`;
