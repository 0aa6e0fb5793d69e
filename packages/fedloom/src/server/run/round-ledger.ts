import type { ClientIndex } from '../../core/brands.js';
import type { Evaluation } from '../../core/evaluation.js';
import type { ClientRecord, EvaluationCounts, ReportedResults, RoundRecord } from '../../core/records.js';
import type { UpdateMessage } from '../../protocol/messages.js';
import type { UnsoundResult } from '../../task/result-aggregator.js';
import type { RoundFinished } from '../schedule/types.js';

type Training = Pick<RoundRecord, 'trainLoss' | 'sampleCount'>;

/** Collects what the server learns during one round, and turns it into the round's record. */
export class RoundLedger {
  readonly #updates = new Map<ClientIndex, ClientRecord>();
  readonly #evaluations = new Map<ClientIndex, Evaluation>();
  /** Clients without test samples. */
  readonly untested = new Set<ClientIndex>();
  readonly #startedMs: number;
  readonly #bytesUp: number;
  readonly #bytesDown: number;
  #trainedMs: number;
  #aggregatedMs: number;
  #foldMs = 0;
  serverResults: ReportedResults | null = null;
  /** Of the server's own test what does not count. */
  serverUnsound: readonly UnsoundResult[] = [];
  /** Of a round whose updates an earlier process folded. */
  restored: Training | undefined;

  constructor(
    readonly round: number,
    nowMs: number,
    bytes: { readonly up: number; readonly down: number },
  ) {
    this.#startedMs = nowMs;
    this.#trainedMs = nowMs;
    this.#aggregatedMs = nowMs;
    this.#bytesUp = bytes.up;
    this.#bytesDown = bytes.down;
  }

  folded({ client, task, attempt, base, facts, trainMs }: UpdateMessage, nowMs: number, foldMs: number): ClientRecord {
    const { sampleCount = 0, stepCount = 0, meanLoss = null, ...others } = facts;
    const { round } = this;
    const record = { round, client, task, attempt, base, sampleCount, stepCount, meanLoss, facts: others, trainMs };
    this.#updates.set(client, record);
    this.#foldMs += foldMs;
    this.#trainedMs = nowMs;
    return record;
  }

  aggregated(nowMs: number): void {
    this.#aggregatedMs = nowMs;
  }

  evaluated(client: ClientIndex, result: Evaluation): void {
    if (result.sampleCount > 0) this.#evaluations.set(client, result);
    else this.untested.add(client);
  }

  /** The clients' results in ascending order of indices, so that sums over them do not depend on arrival. */
  get evaluations(): ReadonlyMap<ClientIndex, Evaluation> {
    return new Map([...this.#evaluations].sort(([a], [b]) => a - b));
  }

  /** Test samples behind the evaluations. */
  get testSampleCount(): number {
    return [...this.#evaluations.values()].reduce((sum, result) => sum + result.sampleCount, 0);
  }

  training(counted: readonly ClientIndex[]): Training {
    const records = counted.map((client) => this.#updates.get(client)).filter((record) => record !== undefined);
    const sampleCount = records.reduce((sum, record) => sum + record.sampleCount, 0);
    return { trainLoss: weightedLoss(records), sampleCount };
  }

  close(input: {
    readonly finished: RoundFinished;
    readonly version: RoundRecord['version'];
    readonly virtualTime: number | null;
    readonly clientMetrics: ReportedResults | null;
    readonly evaluation: EvaluationCounts | null;
    readonly nowMs: number;
    readonly bytes: { readonly up: number; readonly down: number };
  }): RoundRecord {
    const { finished, version, virtualTime, clientMetrics, evaluation, nowMs, bytes } = input;
    const { counted, replaced, awaited, voided, quarantined } = finished;
    return {
      round: this.round,
      cohort: wholeCohort(finished),
      counted,
      uncounted: finished.uncounted.map(({ client, code }) => ({ client, code })),
      replaced,
      awaited,
      voided,
      ...(quarantined && { quarantined }),
      version,
      virtualTime,
      ...(this.restored ?? this.training(counted)),
      metrics: voided === null ? (this.serverResults ?? clientMetrics) : null,
      clientMetrics,
      testSampleCount: this.testSampleCount,
      evaluation,
      bytesUp: bytes.up - this.#bytesUp,
      bytesDown: bytes.down - this.#bytesDown,
      ms: {
        train: this.#trainedMs - this.#startedMs,
        fold: this.#foldMs,
        aggregate: this.#aggregatedMs - this.#trainedMs,
        evaluate: nowMs - this.#aggregatedMs,
        total: nowMs - this.#startedMs,
      },
    };
  }
}

/** Whoever took a place over belongs to it. */
function wholeCohort({ cohort, replaced, counted }: RoundFinished): readonly number[] {
  if (replaced.length === 0) return cohort;
  return [...new Set([...cohort, ...replaced.map(({ by }) => by), ...counted])];
}

function weightedLoss(records: readonly ClientRecord[]): number | null {
  let sum = 0;
  let weight = 0;
  for (const { meanLoss, sampleCount } of records) {
    if (meanLoss === null) continue;
    sum += meanLoss * sampleCount;
    weight += sampleCount;
  }
  return weight === 0 ? null : sum / weight;
}
