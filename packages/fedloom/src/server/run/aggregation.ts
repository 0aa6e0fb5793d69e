import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import type { CountedClient, FederatedAlgorithm, Scalars } from '../../algorithms/algorithm.js';
import { safetensorsDecoder } from '../../core/safetensors.js';
import type { UpdateMessage } from '../../protocol/messages.js';
import { checkUpdate } from '../../update/check-facts.js';
import { deltaNorm } from '../../update/delta-norm.js';
import type { Aggregate, Contribution, Fold, RunningSum } from '../../update/fold-contract.js';
import { meanFold } from '../../update/mean-fold.js';
import type { StageChain } from '../../update/stages/payload-specs.js';
import { runServerStages } from '../../update/stages/server-stages.js';
import type { Facts, Update, UpdateSpec } from '../../update/update.js';

export interface AggregationOptions {
  readonly chain: StageChain;
  readonly algorithm: FederatedAlgorithm;
}

type MaybePromise<T> = T | Promise<T>;

/** An update's way to the aggregate: bytes, checks, weight, fold. */
export class Aggregation {
  readonly #options: AggregationOptions;
  readonly #gathering: Gathering;
  readonly #decode = safetensorsDecoder();
  readonly #needsNorm: boolean;
  #counted = new Map<number, CountedClient>();

  constructor(options: AggregationOptions) {
    this.#options = options;
    this.#gathering = gatheringOf(options.algorithm.fold ?? meanFold(), options.chain.specs);
    this.#needsNorm = options.algorithm.client?.needs?.includes('deltaNorm') ?? false;
  }

  /**
   * The update in `body`, through the stages and ready to be folded. Its tensors may be views of `body`.
   * @returns a promise only where a stage's server half is async
   * @throws FedloomError `safetensors.*`, `stage.*`, `update.*`: the update is not for this model, or not sound
   */
  check({ client, base, task, attempt, facts }: UpdateMessage, body: Uint8Array): MaybePromise<CheckedUpdate> {
    const payload = this.#decode(body);
    const checked = (tensors: NamedTensors) => this.#checked({ client, base, task, attempt, facts, tensors });
    const decoded = runServerStages(this.#options.chain, payload, { client, task });
    return decoded instanceof Promise ? decoded.then(checked) : checked(decoded);
  }

  #checked(update: Update): CheckedUpdate {
    const { chain, algorithm } = this.#options;
    const { client, facts } = update;
    const magnitudes = checkUpdate(update, chain.specs);
    for (const fact of algorithm.client?.needs ?? []) {
      if (fact !== 'deltaNorm' && facts[fact] === undefined) throw missingFact(client, fact, algorithm.name);
    }
    return { update, magnitudes };
  }

  /**
   * Folds an update that was checked.
   * @param scalars as its client had them @param staleness versions that were made since the one it started from
   * @throws FedloomError `algorithm.weight`; `update.*` when the updates together are more than the fold holds
   */
  add({ update, magnitudes }: CheckedUpdate, scalars: Scalars, staleness: number): void {
    const { algorithm, chain } = this.#options;
    const { client } = update;
    const norm = this.#needsNorm ? { deltaNorm: deltaNorm(update.tensors, chain.specs) } : {};
    const facts: Facts = { ...update.facts, staleness, ...norm };
    const weight = Math.fround(algorithm.weight?.(facts, scalars) ?? (facts.sampleCount as number));
    if (!(weight >= 0 && Number.isFinite(weight))) throw badWeight(algorithm.name, client, weight);
    this.#gathering.add({ update, weight, magnitudes });
    this.#counted.set(client, { client, facts, weight, scalars });
  }

  /** The aggregate of what was added since the last time, and whose it was, ascending. @throws FedloomError `aggregate.*` */
  close(): { readonly aggregate: Aggregate; readonly clients: readonly CountedClient[] } {
    const clients = [...this.#counted.values()].sort((a, b) => a.client - b.client);
    this.#counted = new Map();
    return { aggregate: this.#gathering.close(), clients };
  }
}

/** An update that passed its checks, with what they found. */
export interface CheckedUpdate {
  readonly update: Update;
  readonly magnitudes: Float64Array;
}

/** Either kind of fold, from its updates to its aggregate. */
interface Gathering {
  add(contribution: Contribution): void;
  close(): Aggregate;
}

function gatheringOf(fold: Fold, specs: readonly UpdateSpec[]): Gathering {
  if (fold.kind === 'sum') {
    const sum: RunningSum = fold.start(specs);
    return {
      add: (contribution) => sum.add(contribution),
      close: () => {
        try {
          return sum.finish();
        } finally {
          sum.reset();
        }
      },
    };
  }
  let held: Contribution[] = [];
  return {
    add: (contribution) => held.push(ownedBy(contribution)),
    close: () => {
      const contributions = held.sort((a, b) => a.update.client - b.update.client);
      held = [];
      return fold.combine(contributions, specs);
    },
  };
}

/** With tensors in memory of its own: what comes over a connection is freed once it was looked at. */
function ownedBy(contribution: Contribution): Contribution {
  const { update } = contribution;
  const copies = [...update.tensors].map(([name, tensor]): [string, Tensor] => [
    name,
    { ...tensor, data: tensor.data.slice() },
  ]);
  return { ...contribution, update: { ...update, tensors: new Map(copies) } };
}

function missingFact(client: number, fact: string, algorithm: string): FedloomError {
  return new FedloomError(
    'update.fact',
    `The update of client ${client} lacks the fact "${fact}", which ${algorithm} needs. ` +
      'A plan gives it by itself; a trainer returns it from train() as facts: { ' +
      `${fact}: ... }.`,
    { client, fact },
  );
}

function badWeight(algorithm: string, client: number, weight: number): FedloomError {
  return new FedloomError(
    'algorithm.weight',
    `Algorithm ${algorithm} gives the update of client ${client} the weight ${weight}; it must be a finite number of at least 0.`,
    { algorithm, client, weight },
  );
}
