import type { NamedTensors, Tensor } from '@fedloom/engine';
import type { CountedClient, FederatedAlgorithm, Scalars, ServerState } from '../../algorithms/algorithm.js';
import { broadcastTensors } from '../../algorithms/broadcast.js';
import { expectMaps } from '../../algorithms/checked-server.js';
import type { FrozenParameters } from '../../compute/executor.js';
import { type Hash, nextVersion, type VersionNumber } from '../../core/brands.js';
import type { HashFunction } from '../../core/hash.js';
import { sortedTensors } from '../../core/params.js';
import { encodeSafetensors, safetensorsEncoder } from '../../core/safetensors.js';
import { sharedBytes } from '../../data/tensor-sharing.js';
import type { Version } from '../../update/update.js';
import type { ServerModel, ServerWorkload } from './workload.js';

/** A model at one point of its history, as it travels and as the server has it. */
export interface ModelVersion extends ServerModel {
  readonly version: Version;
  /** The shared parameters but for frozen ones, ascending by name; `tensors` holds the algorithm's broadcast ones too. */
  readonly model: NamedTensors;
  /** The algorithm's, `slot/parameter`. */
  readonly state: ServerState;
  /** What clients train with that start from it. */
  readonly scalars: Scalars;
}

/** The run's one model. Nothing in the protocol or the records takes it to be the only one. */
export const MODEL = 'model';

/** What versions are made of. */
export interface VersionsOptions {
  readonly workload: Pick<ServerWorkload, 'initialModel' | 'frozen' | 'trained' | 'scalars' | 'scalarsOf'>;
  readonly algorithm: FederatedAlgorithm;
  readonly totalClients: number;
  readonly hash: HashFunction;
  /** Where a run goes on: its last version, as it was written down. */
  readonly resumed?: SavedVersion;
  /** Where a run goes on: those that somebody trained from. */
  readonly older?: readonly SavedVersion[];
  /** Where a run goes on: its frozen parameters, as they were written down. Default: those of the workload's initial model. */
  readonly frozen?: NamedTensors;
}

/** A version as it was written down. */
export interface SavedVersion {
  readonly number: VersionNumber;
  /** As `ModelVersion.model`. */
  readonly model: NamedTensors;
  readonly state: ServerState;
}

/** The versions of the federation's model: the newest, the one before it, and those that somebody still trains from. */
export class Versions {
  readonly #options: VersionsOptions;
  readonly #versions = new Map<VersionNumber, ModelVersion>();
  readonly #encode = safetensorsEncoder();
  readonly #frozenTensors: NamedTensors;
  readonly #frozen: FrozenParameters | undefined;
  #newest: ModelVersion;
  #before: ModelVersion | undefined;

  constructor(options: VersionsOptions) {
    this.#options = options;
    const { initialModel, frozen = new Set(), trained } = options.workload;
    const [still, model] = split(initialModel, frozen);
    this.#frozenTensors = options.frozen ?? still;
    this.#frozen = this.#frozenTensors.size === 0 ? undefined : encodedFrozen(this.#frozenTensors, options.hash);
    for (const { number, model, state } of options.older ?? []) this.#make(number, model, state);
    const start = options.resumed ?? {
      number: nextVersion(),
      model,
      state: options.algorithm.server.initialize(model, trained),
    };
    this.#newest = this.#make(start.number, start.model, start.state);
  }

  get newest(): ModelVersion {
    return this.#newest;
  }

  /** What all versions have in common, and no `model` body holds. */
  get frozen(): FrozenParameters | undefined {
    return this.#frozen;
  }

  /** All shared parameters of a version, ascending by name. */
  wholeModel({ model }: Pick<ModelVersion, 'model'>): NamedTensors {
    return this.#frozen === undefined ? model : sortedTensors([...model, ...this.#frozenTensors]);
  }

  /** The newest that is no candidate any more. */
  get accepted(): ModelVersion {
    return this.#before ?? this.#newest;
  }

  /** @throws Error for one that was dropped: the coordinator asks for none */
  at(number: VersionNumber): ModelVersion {
    const version = this.#versions.get(number);
    if (version === undefined) throw new Error(`version ${number} was dropped`);
    return version;
  }

  /** Those that are kept. */
  get numbers(): readonly VersionNumber[] {
    return [...this.#versions.keys()];
  }

  /** A version that is kept. */
  get(number: VersionNumber): ModelVersion | undefined {
    return this.#versions.get(number);
  }

  /** The version that an update says it started from, if it is one of those that are kept. */
  find({ model, number, hash }: Version): ModelVersion | undefined {
    const version = this.#versions.get(number);
    return version?.version.hash === hash && version.version.model === model ? version : undefined;
  }

  /** Whether a kept version is this model; after a round that changed nothing, several are. */
  holds(hash: Hash): boolean {
    for (const { version } of this.#versions.values()) if (version.hash === hash) return true;
    return false;
  }

  /**
   * The server update: from the clients' aggregate to the next version.
   * @throws FedloomError `algorithm.*`; then there is no further version
   */
  update(round: number, aggregate: NamedTensors, clients: readonly CountedClient[]): ModelVersion {
    const { algorithm, workload, totalClients } = this.#options;
    const { model, state } = this.#newest;
    const { trained } = workload;
    const next = algorithm.server.update({ round, model, state, aggregate, trained, clients, totalClients });
    expectMaps(next, () => `Algorithm ${algorithm.name}, server update of round ${round + 1}`);
    return this.#add(next.model, next.state);
  }

  /** The candidate passed: it is the newest from which clients start. */
  accept(): void {
    this.#before = undefined;
  }

  /** The newest version goes: its round is void, and the one before is the newest again. */
  takeBack(): void {
    if (this.#before === undefined) throw new Error('there is no version before the newest');
    this.#versions.delete(this.#newest.version.number);
    this.#newest = this.#before;
    this.#before = undefined;
    this.#versions.set(this.#newest.version.number, this.#newest);
  }

  /** Nobody trains from it any more. */
  drop(number: VersionNumber): void {
    if (number !== this.#newest.version.number) this.#versions.delete(number);
  }

  #add(model: NamedTensors, state: ServerState): ModelVersion {
    this.#before = this.#newest;
    this.#newest = this.#make(nextVersion(this.#before.version.number), model, state);
    return this.#newest;
  }

  #make(number: VersionNumber, model: NamedTensors, state: ServerState): ModelVersion {
    const { algorithm, workload, hash: hashOf } = this.#options;
    const scalarsNow = () => ({
      ...workload.scalars,
      ...workload.scalarsOf?.(number),
      ...algorithm.client?.scalars?.(number, state),
    });
    let scalars: Scalars | undefined;
    const broadcast = broadcastTensors(algorithm, state);
    const tensors = broadcast.size === 0 ? model : new Map<string, Tensor>([...model, ...broadcast]);
    const encoded = this.#encode(tensors);
    const hash = hashOf(encoded);
    const made: ModelVersion = {
      version: { model: MODEL, number, hash },
      hash,
      // Shared, so that the server's own evaluation hands it to worker threads as it is.
      bytes: sharedBytes(encoded),
      tensors,
      ...(this.#frozen && { frozen: this.#frozen }),
      model,
      state,
      // When somebody starts from it: nobody does from the last.
      get scalars() {
        scalars ??= scalarsNow();
        return scalars;
      },
    };
    this.#versions.set(number, made);
    return made;
  }
}

/** The tensors that are frozen, and the others. */
function split(model: NamedTensors, frozen: ReadonlySet<string>): readonly [NamedTensors, NamedTensors] {
  if (frozen.size === 0) return [new Map(), model];
  const entries = [...model];
  return [
    new Map(entries.filter(([name]) => frozen.has(name))),
    new Map(entries.filter(([name]) => !frozen.has(name))),
  ];
}

function encodedFrozen(tensors: NamedTensors, hash: HashFunction): FrozenParameters {
  const bytes = sharedBytes(encodeSafetensors(tensors));
  return { hash: hash(bytes), bytes };
}
