import { spawn } from 'node:child_process';
import { LineSplitter } from './line-splitter.js';

/** For rank 0 to end its run in order, and all ranks after it. */
const LEAVE_MS = 25_000;
const TERMINATE_MS = 5_000;

export interface MpirunProcess {
  /** The exit code; undefined: a signal ended it, or it could not be started. */
  readonly ended: Promise<number | undefined>;
  /** Has the run end in order; what stays is killed. */
  stop(): void;
}

/**
 * Runs an mpirun. Its standard input, which it hands on to rank 0, is the lifeline of the job: when it ends, rank 0 does, and the
 * others with it. So they end with this process, however that ends. Signals would not do: Open MPI kills ranks a second after it
 * has told them.
 * @param command as a shell reads it
 */
export function startMpirun(
  command: string,
  onLine: (line: string, stream: 'stdout' | 'stderr') => void,
): MpirunProcess {
  // In a session of its own: Ctrl-C on the terminal is for this process.
  const child = spawn('sh', ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  // One that ends breaks it.
  child.stdin.on('error', () => {});
  for (const name of ['stdout', 'stderr'] as const) {
    const lines = new LineSplitter((line) => onLine(line, name));
    child[name].setEncoding('utf8').on('data', (text: string) => lines.add(text));
    child[name].once('end', () => lines.end());
  }
  const timers: NodeJS.Timeout[] = [];
  const ended = new Promise<number | undefined>((resolve) => {
    const end = (code?: number) => {
      for (const timer of timers) clearTimeout(timer);
      resolve(code);
    };
    child.once('error', () => end());
    // Not 'exit': its output may still hold lines then.
    child.once('close', (code) => end(code ?? undefined));
  });
  return {
    ended,
    stop() {
      child.stdin.end();
      for (const [signal, waitMs] of [
        ['SIGTERM', LEAVE_MS],
        ['SIGKILL', LEAVE_MS + TERMINATE_MS],
      ] as const) {
        timers.push(setTimeout(() => child.kill(signal), waitMs));
      }
    },
  };
}
