import { constants } from 'node:os';
import { type Signal, SignalGate } from './signal-gate.js';

const SIGNALS: readonly Signal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Ctrl-C and its like, while a command runs. */
export interface Interrupts {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** 130 after Ctrl-C, as shells have it; undefined while nobody interrupted. */
  readonly exitCode: number | undefined;
  /** Calls a user's code: a signal that comes while it runs on this thread ends the process at once. */
  userCode<T>(code: () => T): T;
  stop(): void;
}

/**
 * The first signal asks the command to end, by `onFirst` and the signal; the second ends the process at once. To be called
 * when the task is loaded: until then, signals do what they always do.
 */
export function watchInterrupts(onFirst: () => void): Interrupts {
  const abort = new AbortController();
  let exitCode: number | undefined;
  const handle = (signal: Signal) => {
    // A child of `--processes` gets its parent's Ctrl-C too: the parent ends it, in order.
    if (process.channel && signal === 'SIGINT') return;
    if (exitCode !== undefined) {
      gate.close();
      return endAtOnce(signal);
    }
    exitCode = 128 + constants.signals[signal];
    onFirst();
    abort.abort();
  };
  const gate = new SignalGate(new Map(SIGNALS.map((signal) => [signal, () => handle(signal)])));
  return {
    signal: abort.signal,
    get exitCode() {
      return exitCode;
    },
    userCode: (code) => gate.run(code),
    stop: () => gate.close(),
  };
}

/**
 * By the signal itself, which shells report as 130 for Ctrl-C: `process.exit` would end the worker threads, and one that is
 * inside ONNX Runtime then aborts the process with a message of its own.
 */
function endAtOnce(signal: Signal): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
