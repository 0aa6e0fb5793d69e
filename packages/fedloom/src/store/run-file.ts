import { hostname, uptime } from 'node:os';
import type { Losses } from '../core/losses.js';
import type { Results } from '../core/records.js';

export type RunStatus = 'running' | 'completed' | 'cancelled' | 'failed';

/** What `run.json` holds: everything a run was started with, and how it ended. */
export interface RunFile {
  readonly format: 1;
  readonly run: string;
  readonly status: RunStatus;
  /** Why the run failed. */
  readonly error?: { readonly code: string; readonly message: string };
  /** Names and settings of the task, as JSON. */
  readonly task: { readonly name: string } & object;
  readonly taskFile: string;
  readonly arguments: RunArguments;
  readonly seed: number;
  readonly versions: { readonly fedloom: string; readonly node: string; readonly onnxruntime: string };
  readonly processor: Processor;
  /** Who runs it: a run whose process is gone was interrupted. */
  readonly process: { readonly pid: number; readonly host: string };
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly result: RunOutcome | null;
}

export interface RunArguments {
  readonly command: 'run' | 'server';
  readonly clients: number;
  readonly clientsPerRound: number;
  readonly rounds: number;
  readonly evaluateEvery: number;
  /** `path=value`, in order. */
  readonly set: readonly string[];
  readonly [other: string]: unknown;
}

export interface Processor {
  readonly model: string;
  readonly cores: number;
  readonly architecture: string;
  readonly platform: string;
}

export interface RunOutcome {
  /** Rounds that finished. */
  readonly rounds: number;
  readonly metrics: Results;
  readonly clientMetrics: Results;
  readonly modelHash: string;
  /** Training that was asked for and did not count; absent in runs of earlier versions. */
  readonly losses?: Losses;
}

/** A run's status as it stands now: one whose process ended without a word was interrupted. */
export function currentStatus(file: RunFile): RunStatus | 'interrupted' {
  if (file.status !== 'running') return file.status;
  return isGone(file) ? 'interrupted' : 'running';
}

function isGone({ process: { pid, host }, startedAt }: RunFile): boolean {
  // Another machine's processes cannot be seen from here.
  if (host !== hostname()) return false;
  const bootedMs = Date.now() - uptime() * 1000;
  if (Date.parse(startedAt) < bootedMs) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
