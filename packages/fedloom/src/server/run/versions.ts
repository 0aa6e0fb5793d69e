import type { NamedTensors, Tensor } from '@fedloom/engine';
import type { CountedClient, FederatedAlgorithm, Scalars, ServerState } from '../../algorithms/algorithm.js';
import { broadcastTensors } from '../../algorithms/broadcast.js';
import { expectMaps } from '../../algorithms/checked-server.js';
import type { FrozenParameters } from '../../compute/executor.js';
import { type Hash, nextVersion, type VersionNumber } from '../../core/brands.js';
import type { HashFunction } from '../../core/hash.js';
import { sortedTensors } from '../../core/params.js';
import { SafetensorsViews, type TensorsInBytes } from '../../core/safetensors-views.js';
import type { Version } from '../../update/update.js';
import type { ServerModel, ServerWorkload } from './workload.js';

/** A model at one point of its history, as it travels and as the server has it. */
export interface ModelVersion extends ServerModel {
  readonly version: Version;
  /**
   * The shared parameters but for frozen ones, ascending by name; `tensors` holds the algorithm's broadcast ones too. Views of
   * `bytes`, as those are.
   */
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
  readonly workload: Pick<ServerWorkload, 'takeInitialModel' | 'frozen' | 'trained' | 'scalars' | 'scalarsOf'>;
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
  readonly #options: Omit<VersionsOptions, 'resumed' | 'older' | 'frozen'>;
  readonly #versions = new Map<VersionNumber, ModelVersion>();
  readonly #views = new SafetensorsViews();
  readonly #frozenTensors: NamedTensors;
  readonly #frozen: FrozenParameters | undefined;
  #newest: ModelVersion;
  #before: ModelVersion | undefined;

  constructor({ resumed, older = [], frozen, ...options }: VersionsOptions) {
    this.#options = options;
    const { workload, algorithm, hash } = options;
    const [still, model] = split(workload.takeInitialModel(), workload.frozen ?? new Set());
    const { bytes, tensors } = new SafetensorsViews().of(frozen ?? still);
    this.#frozenTensors = tensors;
    this.#frozen = tensors.size === 0 ? undefined : { hash: hash(bytes), bytes };
    for (const { number, model, state } of older) this.#make(number, model, state);
    const start = resumed ?? {
      number: nextVersion(),
      model,
      state: algorithm.server.initialize(model, workload.trained),
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
    const { model, state, tensors } = this.#newest;
    const { trained } = workload;
    const room = this.#views.room(tensors);
    const input = { round, model, state, aggregate, trained, clients, totalClients, room: room.tensors };
    const next = algorithm.server.update(input);
    expectMaps(next, () => `Algorithm ${algorithm.name}, server update of round ${round + 1}`);
    return this.#add(next.model, outOf(aggregate, next.state), room);
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

  #add(model: NamedTensors, state: ServerState, room: TensorsInBytes): ModelVersion {
    this.#before = this.#newest;
    this.#newest = this.#make(nextVersion(this.#before.version.number), model, state, room);
    return this.#newest;
  }

  /** @param room for its tensors; default: where they lie, or a new one */
  #make(number: VersionNumber, model: NamedTensors, state: ServerState, room?: TensorsInBytes): ModelVersion {
    const { algorithm, workload, hash: hashOf } = this.#options;
    const scalarsNow = () => ({
      ...workload.scalars,
      ...workload.scalarsOf?.(number),
      ...algorithm.client?.scalars?.(number, state),
    });
    let scalars: Scalars | undefined;
    const broadcast = broadcastTensors(algorithm, state);
    const { bytes, tensors } = this.#views.of(broadcast.size === 0 ? model : new Map([...model, ...broadcast]), room);
    const hash = hashOf(bytes);
    const made: ModelVersion = {
      version: { model: MODEL, number, hash },
      hash,
      bytes,
      tensors,
      ...(this.#frozen && { frozen: this.#frozen }),
      model: broadcast.size === 0 ? tensors : those(model, tensors),
      state: broadcast.size === 0 ? state : those(state, tensors),
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

/** The same names, each with its tensor among `views`, where it has one. */
function those(named: NamedTensors, views: NamedTensors): ReadonlyMap<string, Tensor> {
  return new Map(Array.from(named, ([name, tensor]) => [name, views.get(name) ?? tensor]));
}

/** A state whose tensors do not lie in an aggregate's memory, which is used again. */
function outOf(aggregate: NamedTensors, state: ServerState): ServerState {
  if (state.size === 0) return state;
  const lent = new Set(Array.from(aggregate.values(), ({ data }) => data.buffer));
  return new Map(
    Array.from(state, ([name, tensor]) => [
      name,
      lent.has(tensor.data.buffer) ? { ...tensor, data: tensor.data.slice() } : tensor,
    ]),
  );
}
