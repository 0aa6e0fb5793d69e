import { FedloomError } from '@fedloom/engine';
import type { Evaluation } from '../../core/evaluation.js';
import type { CoordinatorEvent } from '../schedule/types.js';
import type { VirtualTime } from '../schedule/virtual-clock.js';
import type { Aggregation } from './aggregation.js';
import type { FederationOptions } from './federation-options.js';
import type { Effect } from './outgoing.js';
import type { Persistence } from './persistence.js';
import type { RoundBooks } from './round-books.js';
import type { Versions } from './versions.js';

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
    events.emit('evaluating', { round });
    try {
      const evaluation = await workload.evaluate(versions.newest, round, signal);
      const loss = evaluation === undefined ? undefined : lossOf(evaluation);
      if (loss !== undefined && !Number.isFinite(loss)) {
        const message = `The loss of its candidate on the server's data is ${loss}.`;
        versions.takeBack();
        return this.#void(round, new FedloomError('model.not-finite', message));
      }
      if (evaluation !== undefined) books.evaluatedOnServer(round, evaluation);
      dispatch({ type: 'serverEvaluated', round });
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
  }

  persist({ type: _, ...decision }: Effect<'persist'>): void {
    const { versions, books, persistence, checkpoint, dispatch, fail, virtualTime } = this.options;
    const { round } = decision;
    const version = decision.voided === null ? versions.newest : null;
    const done = () => dispatch({ type: 'persisted', round });
    try {
      const serverResults = books.serverResults(round);
      const counted = decision.counted.map(({ client }) => client);
      const training = books.training(round, counted);
      const decided = persistence.decided({
        ...{ decision, version, serverResults, training },
        needs: versions.numbers,
        virtualTime: virtualTime(),
      });
      const saved = checkpoint?.(round, versions.newest.model);
      if (decided === undefined && saved === undefined) return done();
      Promise.all([decided, saved]).then(done).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  #void(round: number, { code, message }: FedloomError): void {
    this.options.dispatch({ type: 'aggregationVoided', round, code, message });
  }
}

function isVoid(error: unknown): error is FedloomError {
  return (
    error instanceof FedloomError && (error.code === 'algorithm.not-finite' || error.code.startsWith('aggregate.'))
  );
}

function lossOf({ statistics, results }: Evaluation): number | undefined {
  const { loss } = statistics;
  if (loss !== undefined) return typeof loss.sum === 'number' ? loss.sum / loss.weight : undefined;
  return typeof results?.loss === 'number' ? results.loss : undefined;
}
