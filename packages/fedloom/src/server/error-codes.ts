import type { NoFields } from '@fedloom/engine/base';
import type { RunResult } from '../core/records.js';

/** Of what ends a run: the model as it stands after the last finished round. Consoles do not print it. */
type RunFields = { readonly result: RunResult };

/** What a run had, and what a replay of it has in its stead. */
type Compared = { readonly recorded: unknown; readonly replayed: unknown };

/** The errors of servers and runs: code and fields. Any other error that ends a run has a `result` too. */
export interface ServerErrors {
  'admin.listen': { readonly host: string; readonly port: number };
  'admin.options': { readonly option: string };
  'admin.request': NoFields;
  'aggregator.result': NoFields;
  'auth.clients-file': { readonly file: string; readonly line: number };
  'auth.token-file': { readonly file: string; readonly line: number };
  'coordinator.options': {
    readonly option: string;
    readonly value: unknown;
    readonly minimum: number;
    readonly maximum: number;
  };
  'metric.unknown': { readonly metric: string; readonly names: readonly string[] };
  'model.not-finite': NoFields;
  'virtual-clock.duration': { readonly client: number; readonly speed: number; readonly work: number };

  'join.held': NoFields;
  'join.not-meant': { readonly client: number; readonly name: string };
  'join.owned': { readonly client: number; readonly owner: string };
  'join.range': NoFields;
  'join.timeout': { readonly joinTimeoutMs: number };
  'join.taken': NoFields;
  'run.finished': NoFields;

  'lobby.closed': NoFields;
  'lobby.empty': { readonly run?: string };
  'lobby.run': { readonly run?: string; readonly open: readonly string[] };
  'lobby.run-taken': { readonly run: string };

  'replay.client-failed': RunFields;
  'replay.client-left': RunFields;
  'replay.contradicts': { readonly run: string; readonly option: string } & Partial<Compared>;
  'replay.decisions': { readonly round: number };
  /** `field`: of the round's record; absent where the models differ, or one of them was not made. */
  'replay.differs': { readonly run: string; readonly round: number; readonly field?: string } & Compared;
  'replay.initial-model': { readonly run: string } & Compared;

  'round.quorum': RunFields;
  'round.void': RunFields;
  'run.clients-missing': RunFields;
  'run.options':
    | { readonly issues: readonly string[] }
    | { readonly clients: number; readonly clientsPerRound: number }
    | { readonly option: string; readonly value: number; readonly max: number };
  'sampler.permutation': RunFields;
  'session.banned': { readonly clients: readonly { readonly from: number; readonly count: number }[] };
  'session.kicked': { readonly session: string };
  /** What it proved who it is by holds no more. */
  'session.revoked': { readonly method: string };
  /** A bug, or what user code threw. */
  'server.failed': RunFields;

  'server.listeners': { readonly options: readonly string[] };
}
