import type { NoFields } from '@fedloom/engine/base';
import type { IndexRange } from '../core/index-ranges.js';
import type { RunResult } from '../core/records.js';

/** The errors of the command: code and fields. */
export interface CommandErrors {
  'certs.exists': { readonly path: string };
  'certs.no-authority': { readonly folder: string };
  'client.run-ended': { readonly reason: string };
  'admin.refused': { readonly run: string; readonly status: number };
  'evaluate.metric': { readonly problems: readonly string[] };
  'evaluate.no-data': NoFields;
  'fedml-config.file': { readonly path: string };
  'fedml-config.value': { readonly path: string; readonly key: string; readonly value: unknown };
  /** `result` is there once the run has ended of it. */
  'launch.clients-failed': {
    readonly clients: IndexRange;
    readonly how: string;
    readonly lines: readonly string[];
    readonly left: number;
    readonly result?: RunResult;
  };
  'model.file': { readonly path: string };
  'new.not-empty': { readonly folder: string };
  'node.not-resumed': { readonly run: string };
  'partition.not-empty': { readonly out: string };
  'partition.trainer': { readonly task: string };

  'replay.not-resumed': { readonly run: string; readonly of: string };
  'replay.of-replay': { readonly run: string; readonly of: string };

  'statistics.file': { readonly path: string };
  'statistics.unlike': { readonly sources: readonly string[] };

  /** Thrown by the task's own code; `what` of the task was called. Without a place where the error has none in a user's file. */
  'task.code': { readonly what: string; readonly file?: string; readonly line?: number; readonly column?: number };
  'task.file-type': { readonly path: string };
  'task.load': { readonly file: string; readonly line: number; readonly column: number; readonly what: string };
  'task.no-default': { readonly file: string };
  'task.not-a-task': { readonly file: string };
  'task.not-found': { readonly path: string };
  'task.stuck': NoFields;

  'usage.clients': NoFields;
  'usage.command': { readonly command: string };
  'usage.config': NoFields;
  'usage.deadline': NoFields;
  'usage.doctor': NoFields;
  'usage.export': NoFields;
  'usage.file': { readonly option: string; readonly file: string };
  'usage.grace': NoFields;
  'usage.lines': { readonly option: string };
  'usage.mobile': NoFields;
  'usage.partition': NoFields;
  'usage.partial-sums': NoFields;
  'usage.pool': NoFields;
  'usage.ranks': { readonly clients: number; readonly size: number };
  /** `had`: what the run has instead, where it has any use for the option. */
  'usage.replay': { readonly option: string; readonly given?: unknown; readonly had?: unknown };
  'usage.run-on-ranks': { readonly option: string; readonly size: number };
  'usage.tls': NoFields;
  'usage.token': NoFields;
  'usage.trainer-on-ranks': { readonly task: string; readonly size: number };
  'usage.template': { readonly option: string; readonly path: string };
  'usage.trainer': NoFields;
  'usage.twice': { readonly positional: number; readonly value: number };
  'usage.whom': NoFields;
  'usage.value': { readonly name?: string; readonly text: string };
}
