import { FedloomError } from '@fedloom/engine';
import type { Hash } from '../../core/brands.js';
import type { RoundRecord } from '../../core/records.js';
import { taskChangedError } from '../../journal/errors.js';
import type { Recovered } from '../../journal/recover.js';
import type { Task } from '../../task/task.js';
import { algorithmAsJson } from './open-journal.js';
import type { DecidedRound, Persistence } from './persistence.js';
import { MODEL, type ModelVersion } from './versions.js';
import type { ServerWorkload } from './workload.js';

/** Why equal decisions may come to another model. */
const CAUSES =
  'The run had other data than are here, clients that lost their private state, training that depends on more than what it is ' +
  'given, or another kind of processor or build of ONNX Runtime; or its journal was changed.';

/** What of a round's record does not depend on time, lines and losses. */
const TRAINED = ['trainLoss', 'sampleCount'] as const;
const EVALUATED = ['metrics', 'clientMetrics', 'testSampleCount'] as const;

/** What differs in a round: the field of its record, or its model. */
interface Difference {
  readonly field?: string;
  readonly recorded: unknown;
  readonly replayed: unknown;
}

/**
 * Compares a replay with what the journal says, and keeps nothing. A model that differs ends the run there, since all that
 * follows would differ too; metrics that differ where the models do not, at its end.
 */
export class ReplayCheck implements Persistence {
  /** Of the first round whose metrics differ. */
  #difference: FedloomError | undefined;

  constructor(private readonly journal: Recovered) {}

  /** @throws FedloomError `journal.task-changed`, `replay.contradicts` */
  checkTask({ name, algorithm }: Task, { descriptor }: ServerWorkload): void {
    const { run } = this.journal;
    const plan = descriptor.kind === 'plan' ? descriptor.hash : 'none';
    const begun = run.plan?.hash ?? 'none';
    if (plan !== begun) throw taskChangedError({ what: 'plan', name, begun, now: plan });
    const [was, is] = [run.algorithm, algorithmAsJson(algorithm)].map((given) => JSON.stringify(given));
    if (was === is) return;
    const message = `The run ${run.run} was made with the algorithm ${was}, and the task has ${is} now. Undo the change.`;
    throw new FedloomError('replay.contradicts', message, {
      run: run.run,
      option: 'algorithm',
      recorded: was,
      replayed: is,
    });
  }

  /** @throws FedloomError `replay.initial-model` */
  made({ version: { number, hash: body }, frozen }: ModelVersion): void {
    const still = this.journal.versions.at(-1)?.models[MODEL]?.frozen;
    // Where the others are equal, the frozen parameters make the difference.
    const [begun, hash] = this.#hashOf(-1) === body ? [still, frozen?.hash] : [this.#hashOf(-1), body];
    if (number > 0 || begun === hash) return;
    const { run } = this.journal.run;
    const message =
      `The run ${run} began with the model ${begun}, and the replay would begin with ${hash}. ` +
      'If the run was started from a model file, give that file (--init; initialModel from code).';
    throw new FedloomError('replay.initial-model', message, { run, recorded: begun, replayed: hash });
  }

  /** @throws FedloomError `replay.differs` */
  decided(told: () => DecidedRound): undefined {
    const { decision, version, training } = told();
    const { round, voided } = decision;
    const { outcome, reason } = this.journal.decided[round] ?? {};
    const [was, is] = [outcome === 'void' ? (reason?.code ?? 'unknown') : null, voided?.code ?? null];
    if (was !== is) {
      const tell = (code: string | null, message = '') => (code === null ? 'made a model' : `is void (${message})`);
      const what = `in the replay it ${tell(is, voided?.message)}, in the run it ${tell(was, reason?.message)}. ${CAUSES}`;
      throw this.#differs(round, what, { recorded: was, replayed: is });
    }
    const [recorded, replayed] = [this.#hashOf(round), version?.hash];
    if (recorded === replayed) return;
    const samples = this.journal.reports.get(round)?.sampleCount ?? training.sampleCount;
    const why =
      samples === training.sampleCount
        ? CAUSES
        : `Its clients trained on ${training.sampleCount} samples here and on ${samples} in the run: ` +
          "the data that the task deals here are not those of the run's clients.";
    throw this.#differs(round, `its model is ${replayed}, in the run it was ${recorded}. ${why}`, {
      recorded,
      replayed,
    });
  }

  recorded(record: RoundRecord): void {
    const { round } = record;
    const before = this.journal.reports.get(round);
    if (before === undefined || this.#difference !== undefined) return;
    // The last round of a replay is evaluated in any case.
    const wasEvaluated = this.journal.evaluators.get(round) !== null;
    for (const field of wasEvaluated ? [...TRAINED, ...EVALUATED] : TRAINED) {
      const [recorded, replayed] = [before[field], record[field]];
      if (isSame(recorded, replayed)) continue;
      const [was, is] = [JSON.stringify(recorded), JSON.stringify(replayed)];
      const what = `its ${field} is ${is}, in the run it was ${was}, though the models are equal. ${CAUSES}`;
      this.#difference = this.#differs(round, what, { field, recorded, replayed });
      return;
    }
  }

  /** @throws FedloomError `replay.differs` */
  async finished(): Promise<void> {
    if (this.#difference !== undefined) throw this.#difference;
  }

  #hashOf(round: number): Hash | undefined {
    return this.journal.hashes.get(round)?.[MODEL];
  }

  #differs(round: number, what: string, fields: Difference): FedloomError {
    const { run } = this.journal.run;
    const message = `The replay differs from the run ${run} first in round ${round + 1}: ${what}`;
    return new FedloomError('replay.differs', message, { run, round, ...fields });
  }
}

/** To the bit, also NaN and -0. */
function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return Object.is(one, other);
  const [entries, others] = [Object.entries(one), new Map(Object.entries(other))];
  return entries.length === others.size && entries.every(([name, value]) => isSame(value, others.get(name)));
}
