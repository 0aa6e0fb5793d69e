import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Spawned {
  readonly stdout: string;
  /** From the call that starts the process until it has ended. */
  readonly wallSeconds: number;
}

/** Node 20 reads all certificates that this names before its first line runs (80 ms); nothing here uses any. */
const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;

/** A program was stopped because it took longer than it was given. */
export class TimeLimitError extends Error {}

/**
 * Runs a program to its end, with nothing on its standard input.
 * @throws Error with its last lines when it fails; TimeLimitError when it has not ended within `limitSeconds`
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { cwd, limitSeconds = Number.POSITIVE_INFINITY }: { readonly cwd?: string; readonly limitSeconds?: number } = {},
): Promise<Spawned> {
  const startedMs = performance.now();
  const child = spawn(command, args, {
    ...(cwd && { cwd }),
    env: environment,
    ...(Number.isFinite(limitSeconds) && { timeout: Math.ceil(limitSeconds * 1000) }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  const wallSeconds = (performance.now() - startedMs) / 1000;
  if (signal !== null && wallSeconds >= limitSeconds) {
    throw new TimeLimitError(`${command} ${args.join(' ')} was stopped after ${limitSeconds} s`);
  }
  if (code !== 0) {
    const said = Buffer.concat(stderr).toString().trim().split('\n').slice(-12).join('\n');
    throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}:\n${said}`);
  }
  return { stdout: Buffer.concat(stdout).toString(), wallSeconds };
}

/** A child of ours that was sent its input: a module of `children/`, which answers by messages. */
export interface Child {
  /** The next message it sends. Rejects when it ends without one. */
  next<T>(): Promise<T>;
  /** Settles when it has ended; rejects when it failed. */
  readonly ended: Promise<void>;
}

export function startChild(name: string, input: unknown): Child {
  const module = new URL(`./children/${name}.js`, import.meta.url);
  const child = fork(module, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const messages: unknown[] = [];
  let wake = () => {};
  child.on('message', (message) => {
    messages.push(message);
    wake();
  });
  let over = false;
  const ended = once(child, 'close').then(([code]) => {
    over = true;
    wake();
    if (code !== 0) throw new Error(`the benchmark's child process ${name} ended with ${code}`);
  });
  ended.catch(() => {});
  child.send(input as object);
  return {
    ended,
    async next<T>(): Promise<T> {
      while (messages.length === 0) {
        if (over) {
          await ended;
          throw new Error(`the benchmark's child process ${name} ended without an answer`);
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return messages.shift() as T;
    },
  };
}

/** Runs a child that sends one message and ends. */
export async function askChild<T>(name: string, input: unknown): Promise<T> {
  const child = startChild(name, input);
  const answer = await child.next<T>();
  await child.ended;
  return answer;
}
