import { FedloomError, isFedloomError } from '@fedloom/engine';
import type { Evaluation } from '../../core/evaluation.js';
import { soundEvaluation } from '../../core/sound-evaluation.js';
import type { CoordinatorEvent } from '../schedule/types.js';
import type { VirtualTime } from '../schedule/virtual-clock.js';
import type { Aggregation } from './aggregation.js';
import type { FederationOptions } from './federation-options.js';
import type { Effect } from './outgoing.js';
import type { DecidedRound, Persistence } from './persistence.js';
import type { RoundBooks } from './round-books.js';
import type { ModelVersion, Versions } from './versions.js';

export interface CandidatesOptions extends Pick<FederationOptions, 'workload' | 'events' | 'checkpoint'> {
  readonly versions: Versions;
  readonly aggregation: Aggregation;
  readonly books: RoundBooks;
  readonly persistence: Persistence;
  readonly signal: AbortSignal;
  readonly dispatch: (event: CoordinatorEvent) => void;
  readonly fail: (error: unknown) => void;
  /** Where the virtual clock stands, where there is one. */
  readonly virtualTime: () => VirtualTime | null;
  /** The run ends with what is on record. Default: it goes on. */
  readonly stopped?: () => boolean;
  /** Settles when the run is to go on; undefined: it is. */
  readonly paused?: () => Promise<void> | undefined;
  /** Default: none. A version that is kept, though nobody trains from it. */
  readonly kept?: () => ModelVersion | undefined;
}

/** A closed fold's way: the candidate, its evaluation on the server's data, the disk. */
export class Candidates {
  constructor(private readonly options: CandidatesOptions) {}

  /** The server update. What is not finite, or cannot be folded, voids the round; anything else ends the run. */
  aggregate({ round }: Effect<'aggregate'>): void {
    const { versions, aggregation, books, persistence, dispatch, fail } = this.options;
    try {
      const { aggregate, clients } = aggregation.close(round);
      persistence.made(versions.update(round, aggregate, clients));
      books.aggregated(round);
      dispatch({ type: 'aggregated', round });
    } catch (error) {
      if (isVoid(error)) this.#void(round, error);
      else fail(error);
    }
  }

  async evaluate(round: number): Promise<void> {
    const { workload, versions, books, events, signal, dispatch, fail } = this.options;
    try {
      events.emit('evaluating', { round });
      const tested = await workload.evaluate(versions.newest, round, signal);
      const loss = tested === undefined ? undefined : lossOf(tested);
      if (loss !== undefined && !Number.isFinite(loss)) {
        const message = `The loss of its candidate on the server's data is ${loss}.`;
        versions.takeBack();
        return this.#void(round, new FedloomError('model.not-finite', message));
      }
      const evaluation = tested && soundEvaluation(tested);
      if (typeof evaluation === 'string') throw new FedloomError('client.results', `it ${evaluation}.`);
      if (evaluation !== undefined) books.evaluatedOnServer(round, evaluation);
      dispatch({ type: 'serverEvaluated', round });
    } catch (error) {
      if (signal.aborted) return;
      if (workload.evaluationMayFail !== true) return fail(error);
      const why = error instanceof Error ? error.message : String(error);
      const message = `The server's own test failed in round ${round + 1}, which has no results of it: ${why}`;
      events.emit('warning', { code: 'evaluation.server-failed', message });
      dispatch({ type: 'serverEvaluated', round });
    }
  }

  /**
   * What was decided holds from now on; only writing it down may have to wait.
   * @param recording settles when the round before is on record; undefined: it is
   */
  persist(effect: Effect<'persist'>, recording: Promise<void> | undefined): void {
    const { versions, fail, stopped } = this.options;
    if (effect.voided === null) versions.accept();
    if (recording === undefined) return this.#write(effect.round, () => this.#decided(effect));
    const decided = this.#decided(effect);
    recording.then(() => stopped?.() || this.#write(effect.round, () => decided)).catch(fail);
  }

  #write(round: number, decidedRound: () => DecidedRound): void {
    const { versions, persistence, checkpoint, paused, dispatch, fail } = this.options;
    const done = () => dispatch({ type: 'persisted', round });
    try {
      const decided = persistence.decided(decidedRound);
      const saved = checkpoint?.(round, versions.wholeModel(versions.newest));
      const pause = paused?.();
      if (decided === undefined && saved === undefined && pause === undefined) return done();
      Promise.all([decided, saved, pause]).then(done).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  #decided({ type: _, ...decision }: Effect<'persist'>): DecidedRound {
    const { versions, books, virtualTime, kept } = this.options;
    const best = kept?.()?.version.number;
    const counted = decision.counted.map(({ client }) => client);
    return {
      decision,
      version: decision.voided === null ? versions.newest : null,
      needs: best === undefined ? versions.numbers : [...new Set([...versions.numbers, best])],
      serverResults: books.serverResults(decision.round),
      training: books.training(decision.round, counted),
      virtualTime: virtualTime(),
    };
  }

  #void(round: number, { code, message }: FedloomError): void {
    this.options.dispatch({ type: 'aggregationVoided', round, code, message });
  }
}

function isVoid(error: unknown): error is FedloomError {
  return (
    isFedloomError(error, 'algorithm.not-finite') ||
    (error instanceof FedloomError && error.code.startsWith('aggregate.'))
  );
}

function lossOf({ statistics, results }: Evaluation): number | undefined {
  const loss = statistics?.loss;
  if (loss !== undefined) return typeof loss.sum === 'number' ? loss.sum / loss.weight : undefined;
  return typeof results?.loss === 'number' ? results.loss : undefined;
}
