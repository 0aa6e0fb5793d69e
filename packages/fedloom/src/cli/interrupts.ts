import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C and its like, while a command runs. */
export interface Interrupts {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** 130 after Ctrl-C, as shells have it; undefined while nobody interrupted. */
  readonly exitCode: number | undefined;
  stop(): void;
}

/** The first signal asks the command to end, by `onFirst` and the signal; the second ends the process at once. */
export function watchInterrupts(onFirst: () => void): Interrupts {
  const abort = new AbortController();
  let exitCode: number | undefined;
  // A child of `--processes` gets its parent's Ctrl-C too: the parent ends it, in order.
  const signals = process.channel ? SIGNALS.filter((signal) => signal !== 'SIGINT') : SIGNALS;
  const handlers = signals.map((signal) => {
    const handle = () => {
      if (exitCode !== undefined) endAtOnce(signal);
      exitCode = 128 + constants.signals[signal];
      onFirst();
      abort.abort();
    };
    process.on(signal, handle);
    return { signal, handle };
  });
  const ignore = () => {};
  if (process.channel) process.on('SIGINT', ignore);
  return {
    signal: abort.signal,
    get exitCode() {
      return exitCode;
    },
    stop() {
      for (const { signal, handle } of handlers) process.off(signal, handle);
      process.off('SIGINT', ignore);
    },
  };
}

/**
 * By the signal itself, which shells report as 130 for Ctrl-C: `process.exit` would end the worker threads, and one that is
 * inside ONNX Runtime then aborts the process with a message of its own.
 */
function endAtOnce(signal: (typeof SIGNALS)[number]): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
