import type { ClientIndex } from '../../core/brands.js';
import type { Emitter } from '../../core/emitter.js';
import { type Evaluation, resultsOf } from '../../core/evaluation.js';
import { textWithPlace } from '../../core/own-code-place.js';
import type { ReportedResults, Results, RoundRecord } from '../../core/records.js';
import type { UpdateMessage } from '../../protocol/messages.js';
import type { CountedResults, ResultAggregator, UnsoundResult } from '../../task/result-aggregator.js';
import { describeClients } from '../schedule/ranges.js';
import type { RoundFinished } from '../schedule/types.js';
import { aggregated, evaluationCounts, soundResults, unsoundOf, unsoundText } from './evaluation-counts.js';
import type { FederationEvents, FederationOptions } from './federation-options.js';
import { RoundLedger } from './round-ledger.js';
import type { ServerWorkload } from './workload.js';

type Unrecorded = NonNullable<FederationOptions['resumed']>['unrecorded'];

export interface RoundBooksOptions extends Pick<FederationOptions, 'clock'> {
  readonly events: Emitter<FederationEvents>;
  readonly resultAggregator: ResultAggregator;
  /** As `ServerWorkload.reported`. */
  readonly reported?: ServerWorkload['reported'] | undefined;
  /** Over all connections so far. */
  readonly bytes: () => { readonly up: number; readonly down: number };
}

/** What is learnt of each round under way, and its record at the end. One may begin before the last is finished. */
export class RoundBooks {
  readonly #ledgers = new Map<number, RoundLedger>();
  /** The last round that was told to have started; undefined: none was. */
  #started: number | undefined;
  /** Clients of which it was told that they have nothing to test on. */
  readonly #toldUntested = new Set<ClientIndex>();

  constructor(private readonly options: RoundBooksOptions) {}

  /** A round that an earlier process decided and did not record. */
  restore(round: number, { trainLoss, sampleCount, serverResults }: NonNullable<Unrecorded>): void {
    const ledger = this.#ledger(round);
    ledger.restored = { trainLoss, sampleCount };
    ledger.serverResults = serverResults;
  }

  /** Of the updates that were folded so far, those of these clients. */
  training(round: number, counted: readonly ClientIndex[]): Pick<RoundRecord, 'trainLoss' | 'sampleCount'> {
    return this.#ledger(round).training(counted);
  }

  /** Somebody is asked to train for it. */
  begun(round: number): void {
    this.#ledger(round);
  }

  folded(round: number, message: UpdateMessage, foldMs: number): void {
    const { clock, events } = this.options;
    events.emit('update', this.#ledger(round).folded(message, clock.now(), foldMs));
  }

  aggregated(round: number): void {
    this.#ledger(round).aggregated(this.options.clock.now());
  }

  evaluated(round: number, client: ClientIndex, evaluation: Evaluation): void {
    this.#ledgers.get(round)?.evaluated(client, evaluation);
  }

  /** @param evaluation of which all that counts is sound */
  evaluatedOnServer(round: number, evaluation: Evaluation): void {
    const ledger = this.#ledger(round);
    const { statistics, sampleCount } = evaluation;
    const samples = (name: string) => statistics[name]?.weight ?? sampleCount;
    ledger.serverResults = this.#reported(round, resultsOf(evaluation), samples);
    ledger.serverUnsound = unsoundOf(null, evaluation);
  }

  serverResults(round: number): ReportedResults | null {
    return this.#ledgers.get(round)?.serverResults ?? null;
  }

  /**
   * A promise only where the result aggregator takes its time.
   * @param version what came of it @param virtualTime when it was over, by the virtual clock
   */
  finish(
    finished: RoundFinished,
    version: RoundRecord['version'],
    virtualTime: number | null,
  ): RoundRecord | Promise<RoundRecord> {
    const { clock, bytes } = this.options;
    const { round, evaluated, voided } = finished;
    const ledger = this.#ledger(round);
    const close = (made: CountedResults | null): RoundRecord => {
      const samples = (name: string) => made?.weights?.[name] ?? ledger.testSampleCount;
      const counted = made && { ...made, results: this.#reported(round, made.results, samples) };
      const isEvaluated = evaluated !== null && voided === null;
      const unsound = [...ledger.serverUnsound, ...(counted?.unsound ?? [])];
      const record = ledger.close({
        finished,
        version,
        virtualTime,
        clientMetrics: counted === null || Object.keys(counted.results).length === 0 ? null : counted.results,
        evaluation: isEvaluated
          ? evaluationCounts({ clients: counted?.clients ?? {}, unsound }, ledger.untested)
          : null,
        nowMs: clock.now(),
        bytes: bytes(),
      });
      if (isEvaluated) this.#tellLeftOut(round, unsound, ledger.untested);
      this.#ledgers.delete(round);
      this.#announce(round + 1);
      return record;
    };
    if (evaluated === null || voided !== null) return close(null);
    const results = this.#aggregateResults(round, ledger.evaluations);
    return results instanceof Promise ? results.then(close) : close(results);
  }

  #reported(round: number, given: Results, samples: (name: string) => number): ReportedResults {
    const { results, problems } = this.options.reported?.(given, samples) ?? { results: given, problems: [] };
    if (problems.length > 0) {
      const why = problems.join('; ').replace(/\.$/, '');
      this.#warn(
        'metric.value',
        `Round ${round + 1} lacks results that code of the task's own could not make: ${why}.`,
      );
    }
    return results;
  }

  #ledger(round: number): RoundLedger {
    const known = this.#ledgers.get(round);
    if (known !== undefined) return known;
    const ledger = new RoundLedger(round, this.options.clock.now(), this.options.bytes());
    this.#ledgers.set(round, ledger);
    this.#announce(round);
    return ledger;
  }

  /** Rounds are announced in order, each when it has begun and the one before it is recorded. */
  #announce(round: number): void {
    const before = this.#started;
    if (!this.#ledgers.has(round)) return;
    if (before !== undefined && (round !== before + 1 || this.#ledgers.has(before))) return;
    this.#started = round;
    this.options.events.emit('roundStarted', { round });
  }

  #aggregateResults(
    round: number,
    evaluations: ReadonlyMap<ClientIndex, Evaluation>,
  ): CountedResults | null | Promise<CountedResults | null> {
    if (evaluations.size === 0) return null;
    const warn = (why: string) => {
      const message = `The result aggregator failed in round ${round + 1}: ${why}`;
      this.#warn('aggregator.failed', message);
    };
    const failed = (error: unknown) => {
      warn(textWithPlace(error));
      return null;
    };
    const sound = (made: CountedResults) => {
      const { counted, problems } = soundResults(made);
      if (problems.length > 0) warn(`${problems.join(', ')}; such names are left out.`);
      return counted;
    };
    try {
      const made = aggregated(round, evaluations, this.options.resultAggregator);
      return made instanceof Promise ? made.then(sound).catch(failed) : sound(made);
    } catch (error) {
      return failed(error);
    }
  }

  #tellLeftOut(round: number, unsound: readonly UnsoundResult[], untested: ReadonlySet<ClientIndex>): void {
    const text = unsoundText(round, unsound);
    if (text !== undefined) this.#warn('evaluation.unsound', text);
    const news = [...untested].filter((client) => !this.#toldUntested.has(client));
    if (news.length === 0) return;
    for (const client of news) this.#toldUntested.add(client);
    const [have, are] = news.length === 1 ? ['has', 'is'] : ['have', 'are'];
    const who = describeClients(news).replace(/^c/, 'C');
    this.#warn('evaluation.untested', `${who} ${have} no test samples, and ${are} not evaluated.`);
  }

  #warn(code: string, message: string): void {
    this.options.events.emit('warning', { code, message });
  }
}
