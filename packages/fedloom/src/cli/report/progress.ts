import type { RoundRecord } from '../../core/records.js';
import type { Run } from '../../server/run/run.js';
import type { CurvePoint } from './curve.js';
import { allResults, scalarMetrics } from './format.js';

export type Phase = 'preparing' | 'waiting' | 'training' | 'evaluating' | 'stopping';

/** Rounds that the estimate of the time left looks back on, so that it follows changes. */
const LOOK_BACK_ROUNDS = 20;

/** What a run's events have told so far, for those who show it. */
export class Progress {
  phase: Phase = 'preparing';
  /** Clients that have joined and not left. */
  present = 0;
  /** The round under way, from 0. */
  round = 0;
  roundsDone = 0;
  /** Updates of the round under way that were folded. */
  updates = 0;
  last: RoundRecord | undefined;
  /** The last round that was evaluated. */
  evaluated: RoundRecord | undefined;
  readonly points: CurvePoint[] = [];
  /** The name of the metric that `points` follow. */
  metric: string | undefined;
  #recentMs: number[] = [];
  #roundStartedMs = 0;

  constructor(
    readonly clients: number,
    readonly clientsPerRound: number,
    readonly rounds: number,
    /** Times that a round goes over a client's samples. */
    private readonly localEpochs: number,
  ) {}

  follow(run: Run): void {
    run.on('prepared', ({ records }) => {
      for (const record of records) this.#take(record);
    });
    run.on('clientsJoined', ({ present }) => {
      this.present = present;
      this.listen();
    });
    run.on('clientsLeft', ({ present }) => {
      this.present = present;
    });
    run.on('roundStarted', ({ round }) => {
      this.round = round;
      this.updates = 0;
      this.#roundStartedMs = performance.now();
      this.#enter('training');
    });
    run.on('update', () => {
      this.updates += 1;
    });
    run.on('evaluating', () => this.#enter('evaluating'));
    run.on('round', (record) => this.#finish(record));
  }

  /** The server listens: from now on it waits for clients. */
  listen(): void {
    if (this.phase === 'preparing') this.phase = 'waiting';
  }

  stop(): void {
    this.phase = 'stopping';
  }

  /** Samples that the clients trained on a second, in the last round; undefined before it, or if it took no time. */
  get samplesPerSecond(): number | undefined {
    if (this.last === undefined || this.last.ms.train <= 0) return undefined;
    return (this.last.sampleCount * this.localEpochs * 1000) / this.last.ms.train;
  }

  /** Undefined before the first round is done. */
  get leftMs(): number | undefined {
    const count = this.#recentMs.length;
    if (count === 0) return undefined;
    const roundMs = this.#recentMs.reduce((sum, ms) => sum + ms, 0) / count;
    const left = (this.rounds - this.roundsDone) * roundMs;
    const under = this.roundsDone <= this.round ? performance.now() - this.#roundStartedMs : 0;
    return Math.max(0, left - Math.min(under, roundMs));
  }

  #enter(phase: Phase): void {
    if (this.phase !== 'stopping') this.phase = phase;
  }

  #finish(record: RoundRecord): void {
    this.#take(record);
    this.#recentMs = [...this.#recentMs, record.ms.total].slice(-LOOK_BACK_ROUNDS);
  }

  #take(record: RoundRecord): void {
    this.last = record;
    this.roundsDone += 1;
    const results = allResults(record.metrics, record.clientMetrics);
    if (results === null) return;
    this.evaluated = record;
    this.metric ??= scalarMetrics(results)[0]?.[0];
    const value = this.metric === undefined ? undefined : results[this.metric];
    if (typeof value === 'number' && Number.isFinite(value)) this.points.push({ round: record.round, value });
  }
}
