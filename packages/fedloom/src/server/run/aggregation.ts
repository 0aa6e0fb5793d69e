import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import type { CountedClient, FederatedAlgorithm, Scalars } from '../../algorithms/algorithm.js';
import { safetensorsDecoder } from '../../core/safetensors.js';
import type { UpdateMessage } from '../../protocol/messages.js';
import { deltaNorm } from '../../update/delta-norm.js';
import { factOf } from '../../update/facts.js';
import type { Aggregate, Contribution, Fold, RunningSum } from '../../update/fold-contract.js';
import { meanFold } from '../../update/mean-fold.js';
import type { StageChain } from '../../update/stages/payload-specs.js';
import { runServerStages } from '../../update/stages/server-stages.js';
import type { Facts, Update, UpdateSpec } from '../../update/update.js';
import { checkTerms, checkUpdate } from '../../update/update-check.js';
import { roundedWeight } from '../../update/weight.js';

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
   * The update in `body`, through the stages, checked and weighted. Its tensors may be views of `body`.
   * @param at what the algorithm's weight may look at: asked once the stages are through
   * @returns a promise only where a stage's server half is async
   * @throws FedloomError `safetensors.*`, `stage.*`, `update.*`, `algorithm.weight`: not for this model, or not sound
   */
  check(message: UpdateMessage, body: Uint8Array, at: () => WeightContext): MaybePromise<CheckedUpdate> {
    const { client, base, task, attempt, facts } = message;
    const checked = (tensors: NamedTensors) => this.#checked({ client, base, task, attempt, facts, tensors }, at());
    const decoded = runServerStages(this.#options.chain, this.#decode(body), { client, task });
    return decoded instanceof Promise ? decoded.then(checked) : checked(decoded);
  }

  #checked(update: Update, { scalars, staleness }: WeightContext): CheckedUpdate {
    const { chain, algorithm } = this.#options;
    const { client } = update;
    const magnitudes = checkUpdate(update, chain.specs);
    for (const fact of algorithm.client?.needs ?? []) {
      if (fact !== 'deltaNorm' && update.facts[fact] === undefined) throw missingFact(client, fact, algorithm.name);
    }
    const norm = this.#needsNorm ? { deltaNorm: deltaNorm(update.tensors, chain.specs) } : {};
    const facts: Facts = { ...update.facts, staleness, ...norm };
    const weight = roundedWeight(
      algorithm.weight?.(facts, scalars) ?? factOf(facts, 'sampleCount'),
      `client ${client}`,
    );
    checkTerms(update, weight, magnitudes, chain.specs);
    return { contribution: { update, weight, magnitudes }, counted: { client, facts, weight, scalars } };
  }

  /** Folds an update that was checked: it throws for none. */
  add({ contribution, counted }: CheckedUpdate): void {
    this.#gathering.add(contribution);
    this.#counted.set(counted.client, counted);
  }

  /** The aggregate of what was added since the last time, and whose it was, ascending. @throws FedloomError `aggregate.*` */
  close(): { readonly aggregate: Aggregate; readonly clients: readonly CountedClient[] } {
    const clients = [...this.#counted.values()].sort((a, b) => a.client - b.client);
    this.#counted = new Map();
    return { aggregate: this.#gathering.close(), clients };
  }
}

/** An update that passed its checks, and what the server update will be told of it. */
export interface CheckedUpdate {
  readonly contribution: Contribution;
  readonly counted: CountedClient;
}

export interface WeightContext {
  /** As the client had them. */
  readonly scalars: Scalars;
  /** Versions that were made since the one it started from. */
  readonly staleness: number;
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
