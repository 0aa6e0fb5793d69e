import type { ClientIndex, Hash, VersionNumber } from '../core/brands.js';
import type { Clock } from '../core/clock.js';
import type { HashFunction } from '../core/hash.js';
import { BlobShelf, type StoredBlob } from './blob-shelf.js';
import { encodeHead } from './entries.js';
import { corruptError, inUseError, noJournalError } from './errors.js';
import { LogWriter } from './log-writer.js';
import { checkResumable, fileBlob, type JournalReading, type ResumedAs, readJournal } from './read-journal.js';
import type {
  ClientsKnown,
  JournalRecord,
  RoundDecided,
  RoundEvaluated,
  RunDescription,
  RunFinished,
  VersionMade,
} from './record.js';
import { recordText } from './record-codec.js';
import { blobsOf, type Recovered, stillNeeded } from './recover.js';
import { type BlobKind, type BlobName, blobName, type JournalStorage } from './storage.js';

export interface JournalParts {
  readonly hash: HashFunction;
  readonly clock: Clock;
  /** The time, as ISO 8601. */
  readonly at: string;
  /** Blobs up to so many bytes are written with the entry that names them, not to files of their own. Default 64 KiB. */
  readonly inlineBytesMax?: number;
  /** Bytes of small blobs in the log above which those that nobody needs are taken out. Default 64 MiB. */
  readonly compactAboveBytes?: number;
}

const INLINE_BYTES_MAX = 2 ** 16;
const COMPACT_ABOVE_BYTES = 2 ** 26;

export interface NewModel {
  readonly hash: Hash;
  readonly blob: StoredBlob;
  /** Its frozen parameters, where it has any: stored for each version, they lie there once. */
  readonly frozen?: StoredBlob;
}

/** A version that is to be committed. */
export interface NewVersion {
  readonly number: VersionNumber;
  /** By the model's name: the hash of its `model` body, and its bytes as they are to be found again. */
  readonly models: Readonly<Record<string, NewModel>>;
  readonly state: StoredBlob | null;
  /** Older versions that somebody still trains from; the last two stay in any case. */
  readonly needs?: readonly VersionNumber[];
}

/** Everything that a round's decision makes true at once. */
export interface RoundCommit {
  readonly decided: Omit<RoundDecided, 'kind'>;
  /** Absent: the round is void. */
  readonly version?: NewVersion;
  /** Of simulated clients whose updates counted. */
  readonly privateStates?: readonly {
    readonly client: ClientIndex;
    readonly task: number;
    readonly blob: StoredBlob;
  }[];
}

/** How a run waited for its disk. */
export interface DiskWaits {
  /** At most two a round: one for blobs that were not safe yet, one for the record. */
  readonly waits: number;
  readonly waitMs: number;
  /** Writes to the log. */
  readonly writes: number;
}

/**
 * The journal of one run: what was promised to anybody is on disk first.
 *
 * Blobs are stored as soon as their bytes are known, beside the training; `commitRound` waits for them, then writes one
 * entry that makes all of the round true at once. Records come to the disk in the order of the calls.
 */
export class RunJournal {
  /** Every attempt of this process is at least this. */
  readonly attemptBase: number;
  readonly #storage: JournalStorage;
  readonly #parts: JournalParts;
  readonly #writer: LogWriter;
  readonly #shelf: BlobShelf;
  readonly #privateStates = new Map<ClientIndex, Hash>();
  #versions: readonly VersionMade[] = [];
  #order: Promise<unknown> = Promise.resolve();
  #waits = 0;
  #waitMs = 0;

  private constructor(
    storage: JournalStorage,
    parts: JournalParts,
    attemptBase: number,
    inLog: ReadonlyMap<BlobName, number> = new Map(),
  ) {
    this.attemptBase = attemptBase;
    this.#storage = storage;
    this.#parts = parts;
    const { hash, inlineBytesMax = INLINE_BYTES_MAX, compactAboveBytes = COMPACT_ABOVE_BYTES } = parts;
    this.#shelf = new BlobShelf(storage, hash, inlineBytesMax);
    const isHeld = (name: BlobName) => this.#shelf.isHeld(name);
    this.#writer = new LogWriter(storage, { isHeld, compactAboveBytes, clock: parts.clock, inLog });
  }

  /**
   * Begins the journal of a new run; settles when it is on disk.
   * @param plan the bytes of `run.plan`, to be kept with it
   * @throws FedloomError `journal.in-use` where there is one already, `store.*`
   */
  static async create(
    storage: JournalStorage,
    run: Omit<RunDescription, 'kind'>,
    parts: JournalParts,
    plan?: Uint8Array,
  ): Promise<RunJournal> {
    const { recovered } = await readJournal(storage, parts.hash);
    if (recovered !== undefined) throw inUseError(storage.place);
    await storage.cutLog(0);
    await storage.append(encodeHead());
    const journal = new RunJournal(storage, parts, 0);
    await journal.#shelf.sweep();
    const planBlobs = plan === undefined ? [] : [journal.#shelf.store('plans', plan, run.plan?.hash)];
    await journal.#inOrder(planBlobs, [
      { kind: 'run', ...run },
      { kind: 'started', attemptBase: 0, at: parts.at },
    ]);
    return journal;
  }

  /**
   * Takes up the run of a journal: cuts off a torn end, sweeps what nobody needs, notes that a process started.
   * @param check refuses a run that is not to go on, before anything is written
   * @returns undefined when nothing of a run was on disk: it is to be created
   * @throws FedloomError `journal.corrupt`, `journal.version`, `store.*`, and what `check` throws
   */
  static async open(
    storage: JournalStorage,
    parts: JournalParts,
    check: (recovered: Recovered) => void = () => {},
  ): Promise<{ readonly journal: RunJournal; readonly recovered: Recovered } | undefined> {
    const reading = await readJournal(storage, parts.hash);
    const { recovered } = reading;
    if (recovered === undefined) return undefined;
    check(recovered);
    return { journal: await RunJournal.#takeUp(storage, parts, reading, recovered), recovered };
  }

  /**
   * Takes up a run that must be there, unfinished, and still the same.
   * @throws FedloomError `journal.none`, `journal.finished`, `journal.task-changed`, and those of `open`
   */
  static async resume(
    storage: JournalStorage,
    parts: JournalParts,
    as: ResumedAs,
  ): Promise<{ readonly journal: RunJournal; readonly recovered: Recovered }> {
    const opened = await RunJournal.open(storage, parts, (recovered) => checkResumable(recovered, as));
    if (opened === undefined) throw noJournalError(storage.place);
    return opened;
  }

  static async #takeUp(
    storage: JournalStorage,
    parts: JournalParts,
    { wholeBytes, torn, blobsInLog }: JournalReading,
    { run, versions, privateStates, nextAttemptBase }: Recovered,
  ): Promise<RunJournal> {
    if (torn) await storage.cutLog(wholeBytes);
    const inLog = new Map([...blobsInLog].map(([name, { part }]) => [name, part.length]));
    const journal = new RunJournal(storage, parts, nextAttemptBase, inLog);
    journal.#versions = versions;
    const held: BlobName[] = versions.flatMap((version) => blobsOf(version).map((blob) => blobName('versions', blob)));
    for (const [client, { blob }] of privateStates) {
      journal.#privateStates.set(client, blob);
      held.push(blobName('states', blob));
    }
    if (run.plan !== null) held.push(blobName('plans', run.plan.hash));
    for (const name of held) journal.#shelf.hold(name, blobsInLog.get(name)?.read());
    await journal.#shelf.sweep();
    await journal.#writer.append([recordText({ kind: 'started', attemptBase: nextAttemptBase, at: parts.at })]);
    return journal;
  }

  get diskWaits(): DiskWaits {
    return { waits: this.#waits, waitMs: this.#waitMs, writes: this.#writer.writes };
  }

  /** Begins to write bytes that a later commit names, or `release` gives up. They must not change until then. */
  store(kind: BlobKind, bytes: Uint8Array, hash?: Hash): StoredBlob {
    return this.#shelf.store(kind, bytes, hash);
  }

  /** Gives up a blob that no commit will name: of an update that did not count. */
  release({ name }: StoredBlob): void {
    this.#shelf.release(name);
  }

  /** Commits what the run begins with. */
  async commitFirstVersion(version: NewVersion): Promise<void> {
    const made = versionRecord(version, -1);
    await this.#commit(blobsIn(version), [made]);
    this.#replaceVersions(made);
  }

  /**
   * Makes a round true; settles when it would survive a loss of power. Only then may anybody be told that it counted.
   * @throws FedloomError `store.*`: the round may or may not have come to the disk, and the run must end
   */
  async commitRound({ decided, version, privateStates = [] }: RoundCommit): Promise<void> {
    const made = version === undefined ? undefined : versionRecord(version, decided.round);
    const states = privateStates.map(({ client, task, blob }) => ({ client, task, blob: blob.hash }));
    const records: JournalRecord[] = [
      ...(made === undefined ? [] : [made]),
      { kind: 'round', ...decided },
      ...(states.length === 0 ? [] : [{ kind: 'privateState' as const, states }]),
    ];
    const blobs = [...(version === undefined ? [] : blobsIn(version)), ...privateStates.map(({ blob }) => blob)];
    await this.#commit(blobs, records);
    if (made !== undefined) this.#replaceVersions(made);
    for (const { client, blob } of states) this.#replaceState(client, blob);
  }

  /**
   * Notes a round's line for people, with the next write. Need not be awaited before the next round: without it the round is
   * evaluated again.
   */
  async noteEvaluation(evaluation: Omit<RoundEvaluated, 'kind'>): Promise<void> {
    const record = recordText({ kind: 'evaluation', ...evaluation });
    await this.#order;
    await this.#writer.appendSoon([record]);
  }

  async noteClients(clients: Omit<ClientsKnown, 'kind'>): Promise<void> {
    await this.#inOrder([], [{ kind: 'clients', ...clients }]);
  }

  /** Notes that all rounds are done; settles when everything before it is on disk too. */
  async finish(finished: Omit<RunFinished, 'kind'>): Promise<void> {
    await this.#commit([], [{ kind: 'finished', ...finished }]);
  }

  /** The bytes of a blob. @throws FedloomError `journal.corrupt` when they are not what was stored, `store.*` */
  async read(kind: BlobKind, hash: Hash): Promise<Uint8Array> {
    const inline = this.#shelf.inline(blobName(kind, hash));
    // A copy: what is in memory here is still to be written, perhaps.
    if (inline !== undefined) return inline.slice();
    const bytes = await fileBlob(this.#storage, this.#parts.hash, kind, hash);
    if (bytes !== undefined) return bytes;
    const rounds = (this.#versions.at(-1)?.round ?? -1) + 1;
    const where = { blob: blobName(kind, hash) };
    throw corruptError({ place: this.#storage.place, where, roundsBefore: rounds, entriesAfter: 0 });
  }

  /** A simulated client's private state as it last committed. @throws FedloomError `journal.corrupt`, `store.*` */
  async privateState(client: ClientIndex): Promise<Uint8Array | undefined> {
    const hash = this.#privateStates.get(client);
    return hash === undefined ? undefined : this.read('states', hash);
  }

  /** Lets go of the storage when what was begun is done; never throws for what failed before. */
  async close(): Promise<void> {
    await this.#order;
    await this.#writer.idle();
    await this.#shelf.idle();
    await this.#storage.close();
  }

  async #commit(blobs: readonly StoredBlob[], records: readonly JournalRecord[]): Promise<void> {
    const { clock } = this.#parts;
    const startedMs = clock.now();
    this.#waits += blobs.every((blob) => this.#shelf.isSafe(blob)) ? 1 : 2;
    try {
      await this.#inOrder(blobs, records);
    } finally {
      this.#waitMs += clock.now() - startedMs;
    }
  }

  /** Records come behind those of earlier calls, and behind the blobs that they name. */
  #inOrder(blobs: readonly StoredBlob[], records: readonly JournalRecord[]): Promise<void> {
    const inline = blobs.flatMap(({ name }) => {
      const bytes = this.#shelf.inline(name);
      return bytes === undefined ? [] : [{ name, bytes }];
    });
    // As they stand now: who made them may go on with what is in them.
    const texts = records.map(recordText);
    const ready = this.#order.then(() => Promise.all(blobs.map(({ stored }) => stored)));
    const written = ready.then(
      () => this.#writer.append(texts, inline),
      (error: unknown) => {
        this.#writer.fail(error);
        throw error;
      },
    );
    // Not for `written`: what comes meanwhile may share a write.
    this.#order = ready.catch(() => {});
    written.catch(() => {});
    return written;
  }

  #replaceVersions(made: VersionMade): void {
    const kept = stillNeeded(this.#versions, made);
    const dropped = this.#versions.filter((version) => !kept.includes(version));
    for (const blob of dropped.flatMap(blobsOf)) this.#shelf.release(blobName('versions', blob));
    this.#versions = kept;
  }

  #replaceState(client: ClientIndex, blob: Hash): void {
    const before = this.#privateStates.get(client);
    this.#privateStates.set(client, blob);
    if (before !== undefined) this.#shelf.release(blobName('states', before));
  }
}

function versionRecord({ number, models, state, needs = [] }: NewVersion, round: number): VersionMade {
  const named = Object.entries(models).map(([name, { hash, blob, frozen }]) => [
    name,
    { hash, blob: blob.hash, ...(frozen && { frozen: frozen.hash }) },
  ]);
  return { kind: 'version', number, round, models: Object.fromEntries(named), state: state?.hash ?? null, needs };
}

function blobsIn({ models, state }: NewVersion): StoredBlob[] {
  const ofModels = Object.values(models).flatMap(({ blob, frozen }) =>
    frozen === undefined ? [blob] : [blob, frozen],
  );
  return [...ofModels, ...(state === null ? [] : [state])];
}
