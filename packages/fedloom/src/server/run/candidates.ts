import { FedloomError, isFedloomError } from '@fedloom/engine';
import type { Evaluation } from '../../core/evaluation.js';
import { soundEvaluation } from '../../core/sound-evaluation.js';
import type { SizedUpdate, UsualUpdate } from '../../update/usual-update.js';
import { suspectsOf } from '../schedule/suspects.js';
import type { CoordinatorEvent } from '../schedule/types.js';
import type { VirtualTime } from '../schedule/virtual-clock.js';
import type { Aggregation } from './aggregation.js';
import type { FederationOptions } from './federation-options.js';
import type { Effect } from './outgoing.js';
import type { DecidedRound, Persistence } from './persistence.js';
import type { RoundBooks } from './round-books.js';
import type { UpdateBounds } from './update-bounds.js';
import type { ModelVersion, Versions } from './versions.js';

export interface CandidatesOptions
  extends Pick<FederationOptions, 'workload' | 'events' | 'checkpoint' | 'collectGarbage'> {
  readonly versions: Versions;
  readonly aggregation: Aggregation;
  readonly bounds: Pick<UpdateBounds, 'judge' | 'accept'>;
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
  /** Of rounds that are on their way: their updates, and what was usual among them. */
  readonly #sizes = new Map<number, readonly SizedUpdate[]>();
  readonly #usual = new Map<number, UsualUpdate>();

  constructor(private readonly options: CandidatesOptions) {}

  /**
   * The server update. What is not finite, cannot be folded, or is out of all proportion voids the round; anything else ends the
   * run.
   */
  aggregate({ round }: Effect<'aggregate'>): void {
    const { aggregation, bounds, signal, fail } = this.options;
    try {
      const sizes = aggregation.sizes(round);
      const { outliers, usual } = bounds.judge(round, sizes);
      this.#sizes.set(round, sizes);
      if (outliers.length > 0) {
        aggregation.drop(round);
        if (usual !== null) this.#usual.set(round, usual);
        return this.#void(round, outOfProportion(outliers.length, sizes.length));
      }
      const gathered = aggregation.gather(round);
      if (gathered === undefined) return this.#close(round, usual);
      gathered.then(() => signal.aborted || this.#close(round, usual)).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  #close(round: number, usual: UsualUpdate | null): void {
    const { versions, aggregation, books, persistence, collectGarbage, dispatch, fail } = this.options;
    try {
      const made = aggregation.close(round, (aggregate, clients) => versions.update(round, aggregate, clients));
      // The algorithm's result was copied.
      collectGarbage?.();
      persistence.made(made);
      if (usual !== null) this.#usual.set(round, usual);
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
        this.#usual.delete(round);
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
    const { versions, bounds, fail, stopped } = this.options;
    const { round } = effect;
    if (effect.voided === null) versions.accept();
    const usual = this.#usual.get(round);
    if (usual !== undefined) bounds.accept(usual);
    this.#sizes.delete(round);
    this.#usual.delete(round);
    if (recording === undefined) return this.#write(round, () => this.#decided(effect, usual));
    const decided = this.#decided(effect, usual);
    recording.then(() => stopped?.() || this.#write(round, () => decided)).catch(fail);
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

  #decided({ type: _, ...decision }: Effect<'persist'>, usual: UsualUpdate | undefined): DecidedRound {
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
      usual: usual ?? null,
    };
  }

  #void(round: number, { code, message }: FedloomError): void {
    const suspects = suspectsOf(this.#sizes.get(round) ?? []);
    this.options.dispatch({ type: 'aggregationVoided', round, code, message, suspects });
  }
}

/** Clients hear it too: whose they are is for the operator. */
function outOfProportion(outliers: number, updates: number): FedloomError {
  const message =
    'Some of its updates are out of all proportion to the others, and no round before says what is usual.';
  return new FedloomError('aggregate.outliers', message, { outliers, updates });
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
