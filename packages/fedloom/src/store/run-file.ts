import type { Losses } from '../core/losses.js';
import type { Processor, SoftwareVersions } from '../core/node/machine.js';
import { isGone, type ProcessIdentity } from '../core/node/process-identity.js';
import type { BestRound, ReportedResults } from '../core/records.js';

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
  /** Of the task file and the local files that it imports; absent in runs of versions that kept no journal. */
  readonly taskHash?: string;
  /** SHA-256 of each of these, by its path from the task file's folder. */
  readonly taskFiles?: Readonly<Record<string, string>>;
  readonly arguments: RunArguments;
  readonly seed: number;
  readonly versions: SoftwareVersions;
  readonly processor: Processor;
  /** Who runs it: a run whose process is gone was interrupted. */
  readonly process: ProcessIdentity;
  readonly startedAt: string;
  /** When further processes took it up, ascending; absent: none did. */
  readonly resumedAt?: readonly string[];
  /** Where the run's server listened last. */
  readonly url?: string;
  /** All such addresses, where there were several. */
  readonly urls?: readonly string[];
  readonly finishedAt: string | null;
  readonly result: RunOutcome | null;
  /** The round that made `model.safetensors`, from 0; -1: what the run began with; null: there is none yet. */
  readonly modelRound: number | null;
  /** SHA-256 of that file. A kill between the file and this one leaves a file with another. */
  readonly modelHash: string | null;
  /** What `best.safetensors` is, where there is one. */
  readonly best?: BestFile;
}

/** A file with the model of the best round. */
export interface BestFile extends Omit<BestRound, 'version'> {
  /** SHA-256 of it. */
  readonly modelHash: string;
}

export interface RunArguments {
  readonly command: 'run' | 'server' | 'node';
  readonly clients: number;
  readonly clientsPerRound: number;
  readonly rounds: number;
  readonly evaluateEvery: number;
  /** `path=value`, in order. */
  readonly set: readonly string[];
  /** `fedProx(mu=0.1)`, in place of the task's own. */
  readonly algorithm?: string;
  /** `krum(f=1)`, in place of the algorithm's own. */
  readonly fold?: string;
  readonly stages?: readonly string[];
  /** The model that it begins with; absolute. */
  readonly init?: string;
  /** `accuracy`, `loss:min`: whose best round's model is kept. */
  readonly keepBest?: string;
  /** `accuracy>=0.97` */
  readonly stopWhen?: string;
  readonly patience?: number;
  /** `10x`: how large an update may be, and what it may claim. */
  readonly updateNormMax?: number | string;
  readonly sampleCountMax?: number | string;
  /** Null: nobody goes into quarantine. */
  readonly quarantineAfter?: number | null;
  readonly overSelect?: number;
  readonly workers?: number;
  /** The run that this one follows; it cannot be resumed. */
  readonly replayOf?: string;
  /** Of `node`: how many ranks there were. */
  readonly ranks?: number;
  /** Of `run`: processes of the clients. */
  readonly processes?: number;
  /** Of `run`, by several ranks: each adds up what its clients sent. */
  readonly partialSums?: boolean;
  /** Null: none; absent: as the command has it. */
  readonly deadlineMs?: number | null;
  readonly graceMs?: number | null;
  readonly evaluationDeadlineMs?: number | null;
  /** Of `server`, as the following. */
  readonly listen?: string;
  readonly insecure?: boolean;
  /** Files, absolute. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly behindProxy?: readonly string[];
  readonly tokenFile?: string;
  readonly knownClients?: string;
  readonly mqttListen?: string;
  readonly mqttPrefix?: string;
  readonly broker?: string;
  readonly mobile?: string;
  readonly brokerUser?: string;
  /** Files, absolute: of secrets only their places are kept. */
  readonly brokerPasswordFile?: string;
  readonly brokerCa?: string;
  readonly brokerCert?: string;
  readonly brokerKey?: string;
  readonly mqttVersion?: '3.1.1' | '5';
  readonly mqttPacketBytes?: number;
  readonly quorum?: number;
  readonly minimumClients?: number;
  readonly waitForClientsMs?: number | null;
  readonly pingEveryMs?: number;
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
  readonly connectionsMax?: number;
  readonly connectionsPerAddressMax?: number;
  readonly joinTimeoutMs?: number;
  readonly [other: string]: unknown;
}

export interface RunOutcome {
  /** Rounds that finished. */
  readonly rounds: number;
  readonly metrics: ReportedResults;
  readonly clientMetrics: ReportedResults;
  readonly modelHash: string;
  /** Training that was asked for and did not count; absent in runs of earlier versions. */
  readonly losses?: Losses;
  /** Why it completed before its last round. */
  readonly stopped?: { readonly code: string; readonly message: string };
}

/** A run's status as it stands now: one whose process ended without a word was interrupted. */
export function currentStatus(file: RunFile): RunStatus | 'interrupted' {
  if (file.status !== 'running') return file.status;
  return isGone(file.process, Date.parse(file.resumedAt?.at(-1) ?? file.startedAt)) ? 'interrupted' : 'running';
}
