import type { Writable } from 'node:stream';
import { FedloomError } from '@fedloom/engine';
import type { Losses } from '../../core/losses.js';
import type { RoundRecord, RunResult } from '../../core/records.js';
import type { DataDescription } from '../../data/description.js';
import type { FederationEvents } from '../../server/run/federation-options.js';
import type { RunStatus } from '../../server/run/run-control.js';
import type { BestFile, RunFile } from '../../store/run-file.js';
import type { ClientShare } from './partition-lines.js';

/** What `--json` prints: one object a line, the first field `event`. */
export type JsonEvent =
  | ({ readonly event: 'started' } & Pick<RunFile, 'run' | 'task' | 'arguments' | 'seed'> & {
        readonly folder: string;
        /** Of a run that was taken up: rounds that earlier processes finished. */
        readonly roundsBefore?: number;
      })
  | { readonly event: 'listening'; readonly url: string; readonly urls?: readonly string[] }
  /** What clients can pin. Of a server, and with --verbose. */
  | { readonly event: 'plan'; readonly hash: string }
  /** Of a server: enough clients have joined, and the first of them are asked to train. */
  | { readonly event: 'begun' }
  | ({ readonly event: 'round' } & RoundRecord)
  | ({ readonly event: 'refused' } & FederationEvents['refused'][0])
  | { readonly event: 'warning'; readonly code: string; readonly message: string }
  | ({ readonly event: 'error'; readonly code: string; readonly message: string } & Partial<Saved>)
  | ({ readonly event: 'finished' } & Saved & {
        /** The run to which a replay is equal. */
        readonly replayOf?: string;
      })
  | ({ readonly event: 'evaluated' } & Omit<Saved, 'rounds' | 'clientMetrics' | 'losses'>)
  | {
      readonly event: 'exported';
      readonly run: string;
      readonly modelHash: string;
      readonly format: 'onnx' | 'safetensors';
      readonly file: string;
    }
  | { readonly event: 'audit'; readonly run: string; readonly lines: number; readonly head: string }
  | { readonly event: 'ssh-setup'; readonly hosts: readonly { readonly host: string; readonly state: string }[] }
  | { readonly event: 'doctor'; readonly hosts: readonly object[] }
  | ({ readonly event: 'status' } & RunStatus)
  | { readonly event: 'steered'; readonly act: string; readonly phase?: string }
  | ({ readonly event: 'statistics'; readonly sources: readonly string[] } & DataDescription)
  | { readonly event: 'partition'; readonly clients: readonly ClientShare[] }
  | { readonly event: 'partitioned'; readonly folder: string; readonly clients: number }
  | ({ readonly event: 'run'; readonly folder: string } & Omit<RunFile, 'status'> & { readonly status: string });

/** How far a run came, and where its model lies. */
export type Saved = Pick<RunResult, 'rounds' | 'metrics' | 'clientMetrics' | 'modelHash'> & {
  readonly losses: Losses;
  readonly model: string;
  /** Why it completed before its last round. */
  readonly stopped?: NonNullable<RunResult['stopped']>;
  readonly best?: SavedBest;
};

/** The best round, and where its model lies. */
export type SavedBest = BestFile & { readonly model: string };

export class JsonEvents {
  constructor(private readonly stream: Writable) {}

  write(event: JsonEvent): void {
    this.hand(event);
  }

  /** One that another process of fedloom wrote. */
  hand(event: { readonly event: string }): void {
    this.stream.write(`${JSON.stringify(event)}\n`);
  }
}

/** Where a run's model lies, if it could be saved, and what the run lost. */
export interface SavedRun {
  readonly modelPath: string | undefined;
  readonly losses: Losses;
  readonly best?: SavedBest;
}

/** @param saved where the model lies, and what the run lost */
export function savedOf(
  { rounds, metrics, clientMetrics, modelHash, stopped }: RunResult,
  { modelPath, losses, best }: SavedRun & { readonly modelPath: string },
): Saved {
  return {
    rounds,
    metrics,
    clientMetrics,
    losses,
    model: modelPath,
    modelHash,
    ...(stopped && { stopped }),
    ...(best && { best }),
  };
}

export function errorEvent(error: unknown): Extract<JsonEvent, { event: 'error' }> {
  if (error instanceof FedloomError) return { event: 'error', code: error.code, message: error.message };
  return { event: 'error', code: 'bug', message: error instanceof Error ? error.message : String(error) };
}
