import { FedloomError } from '@fedloom/engine';
import type { CancelSignal } from '../compute/cancel-signal.js';
import type { ClientEvaluation, ClientExecutor, ModelSnapshot } from '../compute/executor.js';
import { type ClientIndex, knownClient } from '../core/brands.js';
import type { Evaluation } from '../core/evaluation.js';
import { type ResultLimits, soundEvaluation } from '../core/sound-evaluation.js';
import { type EvaluationSize, evaluationSize, fitsMessage } from '../protocol/evaluation-size.js';
import { wireLimits } from '../protocol/limits.js';
import type { Evaluate, Evaluations } from '../protocol/messages.js';
import type { Job } from './job-queue.js';

/** Entries of one `evaluations` message; the protocol allows 256. */
const ENTRIES_PER_MESSAGE = 64;

/** Of one client's results; more would not travel. */
const LIMITS: ResultLimits = {
  namesMax: wireLimits.resultsMax,
  nameLengthMax: wireLimits.nameLengthMax,
  listLengthMax: wireLimits.resultListMax,
};

type Entry = Evaluations['entries'][number];

export interface EvaluatingOptions {
  readonly executor: ClientExecutor;
  readonly stateOf: (client: ClientIndex) => Promise<Uint8Array | undefined>;
  /** Whether results of this client may leave; who may not answers as one without test samples. */
  readonly allows: (client: ClientIndex) => boolean;
  readonly send: (message: Evaluations) => void;
  readonly onFailed: (job: Job, client: ClientIndex, error: unknown) => void;
}

/** Evaluates for the clients of one process, and reports them many to a message. */
export class Evaluating {
  readonly #options: EvaluatingOptions;
  #entries: Entry[] = [];
  /** The last that was asked for: results of others mean nothing any more. */
  #round = -1;

  constructor(options: EvaluatingOptions) {
    this.#options = options;
  }

  /** Whether a request is for more clients of the same evaluation; if not, those before it are to be given up. */
  goesOn({ round, clients }: Evaluate): boolean {
    return round === this.#round && clients.length > 0;
  }

  /** The jobs of a request; one of another round takes the place of what was gathered before. */
  jobsFor({ round, clients, model }: Evaluate): Job[] {
    if (round !== this.#round) this.#entries = [];
    this.#round = round;
    const group = this.#options.executor.evaluationGroup;
    const jobs: Job[] = [];
    for (const { from, count } of clients) {
      for (let first = from; first < from + count; first += group) {
        const length = Math.min(group, from + count - first);
        const part = Array.from({ length }, (_, at) => knownClient(first + at));
        jobs.push({ kind: 'evaluate', clients: part, task: round, attempt: 0, base: model, scalars: {} });
      }
    }
    return jobs;
  }

  async run(job: Job, model: ModelSnapshot, signal: CancelSignal): Promise<void> {
    const { task: round } = job;
    const { executor, stateOf, allows } = this.#options;
    const clients = job.clients.filter((client) => allows(client));
    const silent = job.clients.filter((client) => !clients.includes(client));
    const evaluations = clients.length === 0 ? [] : await executor.evaluate({ clients, round, model, stateOf, signal });
    if (signal.aborted || round !== this.#round) return;
    for (const evaluation of [...evaluations, ...silent.map((client) => ({ client, evaluation: null }))]) {
      try {
        this.#entries.push(entryOf(evaluation));
      } catch (error) {
        this.#options.onFailed(job, evaluation.client, error);
      }
    }
    if (this.#entries.length >= ENTRIES_PER_MESSAGE) this.flush();
  }

  /** Sends what was gathered. */
  flush(): void {
    const entries = this.#entries;
    this.#entries = [];
    for (const part of inMessages(entries)) {
      this.#options.send({ type: 'evaluations', round: this.#round, entries: part });
    }
  }

  /** The line broke: whoever asks again gets them anew. */
  drop(): void {
    this.#entries = [];
  }
}

function entryOf(evaluation: ClientEvaluation): Entry {
  if ('error' in evaluation) throw evaluation.error;
  const { client, evaluation: found } = evaluation;
  if (found === null) return { client, sampleCount: 0, statistics: {} };
  const sound = soundEvaluation(found, LIMITS);
  if (typeof sound === 'string') throw refusal(sound);
  checkSize(sound);
  return { client, ...sound };
}

/** Entries in lists that fit one message each, however long their results are. */
function* inMessages(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let part: Entry[] = [];
  let total = NOTHING;
  for (const entry of entries) {
    const size = evaluationSize(entry);
    const together = sum(total, size);
    const full = part.length === ENTRIES_PER_MESSAGE || !fitsMessage(together);
    if (full && part.length > 0) {
      yield part;
      part = [];
    }
    total = part.length === 0 ? size : together;
    part.push(entry);
  }
  if (part.length > 0) yield part;
}

const NOTHING: EvaluationSize = { numbers: 0, nameChars: 0 };

function sum(a: EvaluationSize, b: EvaluationSize): EvaluationSize {
  return { numbers: a.numbers + b.numbers, nameChars: a.nameChars + b.nameChars };
}

/** @throws FedloomError `client.results`: alone in a message, it would not fit */
function checkSize(evaluation: Evaluation): void {
  for (const named of [evaluation.statistics, evaluation.results ?? {}]) {
    const count = Object.keys(named).length;
    if (count > LIMITS.namesMax) throw refusal(`gave ${count} results; at most ${LIMITS.namesMax} travel`);
  }
  const size = evaluationSize(evaluation);
  if (fitsMessage(size)) return;
  const { evaluationNumbersMax, evaluationNameCharsMax } = wireLimits;
  throw refusal(
    `gave ${size.numbers} numbers under names of ${size.nameChars} characters; at most ${evaluationNumbersMax} travel, and ` +
      `${evaluationNameCharsMax} characters`,
  );
}

function refusal(what: string): FedloomError {
  return new FedloomError('client.results', `The test ${what}.`);
}
