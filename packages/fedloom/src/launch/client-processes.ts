import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { formatRanges, type IndexRange } from '../core/index-ranges.js';
import { LastLines } from '../core/last-lines.js';
import { LIFELINE_FD } from '../core/node/lifeline.js';
import { settlesWithin } from './settles-within.js';

/** How long children may take to end by themselves once the run is over, and after they were told to. */
const LEAVE_MS = 5_000;
/** The same when somebody pressed Ctrl-C: what they compute is wanted no more. */
const INTERRUPTED_LEAVE_MS = 500;
const TERMINATE_MS = 2_000;
const LINES_KEPT = 12;

/** A child that ended while the run still wanted it. */
export interface LostProcess {
  readonly clients: IndexRange;
  /** `exit code 1`, `signal SIGKILL`. */
  readonly how: string;
  /** The last lines it wrote to stderr. */
  readonly lines: readonly string[];
  /** Children that are left. */
  readonly left: number;
}

export interface ClientProcessOptions {
  readonly command: string;
  /** Arguments before those that differ from child to child. */
  readonly args: readonly string[];
  /** The clients of each child, which gets `--index FROM-TO`, and the lifeline at `LIFELINE_FD`. */
  readonly parts: readonly IndexRange[];
  readonly onLost: (lost: LostProcess) => void;
}

/** Child processes on this machine that each host a part of the clients. They end with this process, however it ends. */
export interface ClientProcesses {
  /** Waits for the children to leave, tells those that linger, kills those that do not listen. */
  stop(how?: { readonly interrupted?: boolean }): Promise<void>;
}

/** Divides clients 0 to `clients - 1` into at most `processes` parts whose sizes differ by at most one. */
export function splitClients(clients: number, processes: number): IndexRange[] {
  const parts = Math.min(clients, processes);
  return Array.from({ length: parts }, (_, part) => {
    const from = Math.floor((part * clients) / parts);
    return { from, count: Math.floor(((part + 1) * clients) / parts) - from };
  });
}

export function startClientProcesses({ command, args, parts, onLost }: ClientProcessOptions): ClientProcesses {
  let stopping = false;
  const running = new Set<ChildProcess>();
  const ended = parts.map((clients) => {
    // The channel to the parent carries nothing: that it breaks tells the child that its parent is gone. The pipe tells it
    // to a thread of the child's own, whatever its main thread does.
    const stdio: StdioOptions = ['ignore', 'ignore', 'pipe', 'ipc'];
    stdio[LIFELINE_FD] = 'pipe';
    const child = spawn(command, [...args, '--index', formatRanges([clients])], { stdio });
    // A child that ends breaks it.
    child.stdio[LIFELINE_FD]?.on('error', () => {});
    running.add(child);
    const lines = new LastLines(LINES_KEPT);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => lines.add(text));
    return new Promise<void>((resolve) => {
      const gone = (how: string) => {
        if (!running.delete(child)) return;
        if (!stopping) onLost({ clients, how, lines: lines.all(), left: running.size });
        resolve();
      };
      child.once('error', (error) => gone(error.message));
      // Not 'exit': its stderr may still hold lines then.
      child.once('close', (code, signal) => gone(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  });
  const all = Promise.all(ended);
  return {
    async stop({ interrupted = false } = {}) {
      stopping = true;
      for (const [signal, waitMs] of [
        [constants.signals.SIGTERM, interrupted ? INTERRUPTED_LEAVE_MS : LEAVE_MS],
        [constants.signals.SIGKILL, TERMINATE_MS],
      ] as const) {
        if (await settlesWithin(all, waitMs)) return;
        for (const child of running) child.kill(signal);
      }
      await all;
    },
  };
}
