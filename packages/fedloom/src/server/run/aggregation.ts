import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import type { CountedClient, FederatedAlgorithm } from '../../algorithms/algorithm.js';
import type { ClientIndex } from '../../core/brands.js';
import { safetensorsDecoder } from '../../core/safetensors.js';
import type { UpdateMessage } from '../../protocol/messages.js';
import { deltaNorm } from '../../update/delta-norm.js';
import { factOf } from '../../update/facts.js';
import type { Aggregate, Contribution, Fold, PartialSum, RunningSum } from '../../update/fold-contract.js';
import { meanFold } from '../../update/mean-fold.js';
import { rebasedUpdate } from '../../update/rebase.js';
import type { StageChain } from '../../update/stages/payload-specs.js';
import { runServerStages } from '../../update/stages/server-stages.js';
import type { Facts, Update, UpdateSpec } from '../../update/update.js';
import { checkFactsOf, checkTerms, checkUpdate, type TensorMeasures } from '../../update/update-check.js';
import { decodeReceipt, measuresOf, type UpdateHolders, type UpdateReceipt } from '../../update/update-holders.js';
import { type SizedUpdate, sizeOf, type UpdateSize } from '../../update/usual-update.js';
import { roundedWeight } from '../../update/weight.js';
import type { UpdateBounds } from './update-bounds.js';
import type { ModelVersion } from './versions.js';

export interface AggregationOptions {
  readonly chain: StageChain;
  readonly algorithm: FederatedAlgorithm;
  /** Default: none. */
  readonly bounds?: Pick<UpdateBounds, 'check'>;
  /** With whom updates stay; they have no stages. Default: nobody, all come here. */
  readonly holders?: UpdateHolders;
}

type MaybePromise<T> = T | Promise<T>;

/** An update's way to the aggregate: bytes, checks, weight, fold. */
export class Aggregation {
  readonly #options: AggregationOptions;
  readonly #decode = safetensorsDecoder();
  readonly #needsNorm: boolean;
  /** By round: one may take updates while the one before is still on its way. */
  readonly #open = new Map<number, OpenFold>();
  /** Their memory is used again. */
  readonly #idle: Gathering[] = [];

  constructor(options: AggregationOptions) {
    this.#options = options;
    this.#needsNorm = options.algorithm.client?.needs?.includes('deltaNorm') ?? false;
    options.holders?.hold(options.chain.specs, this.#needsNorm);
  }

  /**
   * The update in `body`, through the stages and checked. Its tensors may be views of `body`.
   * @returns a promise only where a stage's server half is async
   * @throws FedloomError `safetensors.*`, `stage.*`, `update.*`: not for this model, or not sound
   */
  check(message: UpdateMessage, body: Uint8Array): MaybePromise<SoundUpdate> {
    const { client, base, task, attempt, facts } = message;
    const receipt = this.#options.holders && decodeReceipt(body);
    if (receipt !== undefined) return this.#held({ client, base, task, attempt, facts, tensors: new Map() }, receipt);
    const checked = (tensors: NamedTensors) => this.#checked({ client, base, task, attempt, facts, tensors });
    const decoded = runServerStages(this.#options.chain, this.#decode(body), { client, task });
    return decoded instanceof Promise ? decoded.then(checked) : checked(decoded);
  }

  #checked(update: Update): SoundUpdate {
    return this.#sound(update, checkUpdate(update, this.#options.chain.specs));
  }

  /** An update whose holder has checked its tensors. */
  #held(update: Update, receipt: UpdateReceipt): SoundUpdate {
    checkFactsOf(update.facts, `client ${update.client}`);
    const found = measuresOf(receipt);
    const { deltaNorm } = found;
    return { ...this.#sound(update, found), held: { receipt, ...(deltaNorm !== undefined && { deltaNorm }) } };
  }

  #sound(update: Update, { magnitudes, norms }: TensorMeasures): SoundUpdate {
    const { chain, algorithm } = this.#options;
    const { client, facts } = update;
    for (const fact of algorithm.client?.needs ?? []) {
      if (fact !== 'deltaNorm' && facts[fact] === undefined) throw missingFact(client, fact, algorithm.name);
    }
    return { update, magnitudes, size: sizeOf(factOf(facts, 'sampleCount'), norms, chain.specs) };
  }

  /**
   * How much a sound update counts, and as a difference to what.
   * @param from the version it started from @param newest that clients start from now
   * @throws FedloomError `update.norm`, `update.sample-count`, `update.weight`, `update.fact`, and of the algorithm's weight
   */
  weigh(sound: SoundUpdate, from: StartedFrom, newest: StartedFrom): CheckedUpdate {
    const { chain, algorithm, bounds } = this.#options;
    const { scalars } = from;
    const { client } = sound.update;
    // What it sent, whatever it is the difference to when it counts.
    const { sampleCount, norms } = sound.size;
    const size = { client, sampleCount, norms };
    bounds?.check(size);
    const staleness = newest.version.number - from.version.number;
    const { update, magnitudes } = this.#referred(sound, from, newest, staleness);
    const { held } = sound;
    const norm = this.#needsNorm ? { deltaNorm: held?.deltaNorm ?? deltaNorm(update.tensors, chain.specs) } : {};
    const facts: Facts = { ...update.facts, staleness, ...norm };
    const weight = roundedWeight(
      algorithm.weight?.(facts, scalars) ?? factOf(facts, 'sampleCount'),
      `client ${client}`,
    );
    checkTerms(update, weight, magnitudes, chain.specs);
    const counted = { client, facts, weight, scalars };
    return { contribution: { update, weight, magnitudes }, counted, size, ...(held && { receipt: held.receipt }) };
  }

  #referred(sound: SoundUpdate, from: StartedFrom, newest: StartedFrom, staleness: number): SoundUpdate {
    const { chain, algorithm } = this.#options;
    if (algorithm.reference !== 'newest' || staleness === 0) return sound;
    return this.#checked(rebasedUpdate(sound.update, chain.specs, from.model, newest.model));
  }

  /** Folds an update that was checked: it throws for none. */
  add(round: number, { contribution, counted, size, receipt }: CheckedUpdate): void {
    let fold = this.#open.get(round);
    if (fold === undefined) {
      const { algorithm, chain } = this.#options;
      const gathering = this.#idle.pop() ?? gatheringOf(algorithm.fold ?? meanFold(), chain.specs);
      fold = { gathering, counted: new Map(), sizes: [] };
      this.#open.set(round, fold);
    }
    if (receipt === undefined) fold.gathering.add(contribution);
    else {
      const { tensors: _, ...update } = contribution.update;
      this.#options.holders?.add(round, receipt, { update, weight: contribution.weight });
    }
    fold.counted.set(counted.client, counted);
    fold.sizes.push(size);
  }

  /** Of the updates that were added to a round, ascending by client. */
  sizes(round: number): readonly SizedUpdate[] {
    const sizes = this.#open.get(round)?.sizes ?? [];
    return sizes.length < 2 ? sizes : sizes.toSorted((a, b) => a.client - b.client);
  }

  /**
   * Before a round ends: takes the sums of what its updates' holders have.
   * @returns undefined where nobody holds any: all is here
   * @throws FedloomError `fold.holder-lost`, `aggregate.partial`
   */
  gather(round: number): Promise<void> | undefined {
    return this.#options.holders?.sums(round).then((sums) => {
      const fold = this.#open.get(round);
      for (const sum of sums) fold?.gathering.merge(sum);
    });
  }

  /** Forgets what was added to a round. */
  drop(round: number): void {
    this.#options.holders?.drop(round);
    const fold = this.#open.get(round);
    if (fold === undefined) return;
    this.#open.delete(round);
    fold.gathering.reset();
    this.#idle.push(fold.gathering);
  }

  /**
   * Ends a round.
   * @param use is given the aggregate of what was added to it, whose memory is used again, and whose it was, ascending
   * @throws FedloomError `aggregate.*`, and what `use` throws
   */
  close<T>(round: number, use: (aggregate: Aggregate, clients: readonly CountedClient[]) => T): T {
    const fold = this.#open.get(round);
    if (fold === undefined) throw new FedloomError('aggregate.empty', 'There is no aggregate of no updates.');
    this.#open.delete(round);
    try {
      const clients = [...fold.counted.values()].sort((a, b) => a.client - b.client);
      return use(fold.gathering.close(), clients);
    } finally {
      fold.gathering.reset();
      this.#idle.push(fold.gathering);
    }
  }
}

interface OpenFold {
  readonly gathering: Gathering;
  readonly counted: Map<number, CountedClient>;
  readonly sizes: SizedUpdate[];
}

/** An update that passed its checks, with the largest magnitude of each tensor. */
export interface SoundUpdate {
  readonly update: Update;
  readonly magnitudes: Float64Array;
  readonly size: UpdateSize;
  /** Its tensors are with a holder. */
  readonly held?: { readonly receipt: UpdateReceipt; readonly deltaNorm?: number };
}

/** One that is ready to be folded, and what the server update will be told of it. */
export interface CheckedUpdate {
  readonly contribution: Contribution;
  readonly counted: CountedClient;
  readonly size: SizedUpdate;
  /** Its tensors are with a holder. */
  readonly receipt?: UpdateReceipt;
}

/** As much of a version as an update's checks look at. */
export type StartedFrom = Pick<ModelVersion, 'version' | 'model' | 'scalars'>;

/** Either kind of fold, from its updates to its aggregate. */
interface Gathering {
  add(contribution: Contribution): void;
  /** Only of sums. */
  merge(partial: PartialSum): void;
  /** What it gives holds until `reset`, which must follow. */
  close(): Aggregate;
  /** Forgets what was added. */
  reset(): void;
}

function gatheringOf(fold: Fold, specs: readonly UpdateSpec[]): Gathering {
  if (fold.kind === 'sum') {
    const sum: RunningSum = fold.start(specs);
    return {
      add: (contribution) => sum.add(contribution),
      merge: (partial) => sum.merge(partial),
      close: () => sum.finishInPlace?.() ?? sum.finish(),
      reset: () => sum.reset(),
    };
  }
  let held: Contribution[] = [];
  return {
    add: (contribution) => held.push(ownedBy(contribution)),
    merge: () => {
      throw new Error(`the fold ${fold.name} has no partial sums`);
    },
    close: () => {
      const contributions = held.sort((a, b) => a.update.client - b.update.client);
      held = [];
      return fold.combine(contributions, specs);
    },
    reset: () => {
      held = [];
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

function missingFact(client: ClientIndex, fact: string, algorithm: string): FedloomError {
  return new FedloomError(
    'update.fact',
    `The update of client ${client} lacks the fact "${fact}", which ${algorithm} needs. ` +
      'A plan gives it by itself; a trainer returns it from train() as facts: { ' +
      `${fact}: ... }.`,
    { client, fact },
  );
}
