import type { Hash } from '../core/brands.js';
import type { HashFunction } from '../core/hash.js';
import { type Entry, readLog } from './entries.js';
import {
  corruptError,
  type Damage,
  finishedError,
  optionsChangedError,
  softwareChangedError,
  taskChangedError,
} from './errors.js';
import { type LoggedBlob, splitPayload } from './payload.js';
import type { JournalRecord, Json, VersionMade } from './record.js';
import { decodeRecords } from './record-codec.js';
import { blobsOf, modelBlobs, type Recovered, recover } from './recover.js';
import { type BlobKind, type BlobName, blobName, type JournalSource, type JournalStorage } from './storage.js';

export interface JournalReading {
  /** Undefined: nothing was on disk yet, so that the run is to be begun anew. */
  readonly recovered: Recovered | undefined;
  /** What is left of the log when a torn end is cut off; 0: its head is to be written too. */
  readonly wholeBytes: number;
  readonly torn: boolean;
  /** Small blobs that lie in the log, needed or not. */
  readonly blobsInLog: ReadonlyMap<BlobName, LoggedBlob>;
  readonly readBlob: ReadBlob;
}

/** The bytes of a blob, wherever they lie; undefined when they are not there, or not those of its name. @throws FedloomError `store.*` */
export type ReadBlob = (kind: BlobKind, blob: Hash) => Promise<Uint8Array | undefined>;

/**
 * Reads a journal, also while its run goes on. Of one that is damaged it saves the newest model that is whole; otherwise it
 * changes nothing.
 * @throws FedloomError `journal.corrupt`, `journal.version`, `store.*`
 */
export async function readJournal(storage: JournalStorage, hash: HashFunction): Promise<JournalReading> {
  const { entries, wholeBytes, end } = readLog(await storage.readLog());
  const after = end.kind === 'damaged' ? end.after : [];
  const blobsInLog = new Map([...entries, ...after].flatMap(loggedBlobsOf));
  const readBlob: ReadBlob = async (kind, blob) => {
    const inline = blobsInLog.get(blobName(kind, blob))?.read();
    if (inline !== undefined && hash(inline) === blob) return inline;
    return fileBlob(storage, hash, kind, blob);
  };
  if (end.kind === 'damaged') {
    const { offset } = end;
    const [before, behind] = [whatIsKnown(entries), whatIsKnown(after)];
    throw corruptError({
      place: storage.place,
      where: { entry: entries.length, offset },
      roundsBefore: before.filter(({ kind }) => kind === 'round').length,
      entriesAfter: after.length,
      ...(await rescue(storage, readBlob, versionsIn([...before, ...behind]))),
    });
  }
  const recovered = recover(decodeAll(entries));
  if (recovered !== undefined) await checkLastVersion(storage, readBlob, recovered);
  return { recovered, wholeBytes, torn: end.kind === 'torn', blobsInLog, readBlob };
}

/**
 * Reads what a journal says, and changes nothing: also while its run goes on, and whether its blobs are there or not.
 * @returns undefined: nothing was on disk
 * @throws FedloomError `journal.corrupt`, `journal.version`, `store.*`
 */
export async function readDecisions(source: JournalSource): Promise<Recovered | undefined> {
  const { entries, end } = readLog(await source.readLog());
  if (end.kind !== 'damaged') return recover(decodeAll(entries));
  const rounds = whatIsKnown(entries).filter(({ kind }) => kind === 'round').length;
  const where = { entry: entries.length, offset: end.offset };
  throw corruptError({
    place: source.place,
    where,
    roundsBefore: rounds,
    entriesAfter: end.after.length,
    sought: false,
  });
}

/** What a run that is to go on must still be. */
export interface ResumedAs {
  readonly taskHash: Hash;
  /** The version that is to go on: another's results may differ. */
  readonly software: string;
  /** Null for trainer objects. */
  readonly planHash: Hash | null;
  /** Settings that were given anew, `seed` among them: each must be what the run was begun with. */
  readonly options?: { readonly [name: string]: Json };
  /** Also one whose rounds are all done: its clients may not have heard of it. Default false. */
  readonly alsoFinished?: boolean;
}

/** @throws FedloomError `journal.finished`, `journal.version`, `journal.task-changed` */
export function checkResumable(
  { run, finished }: Recovered,
  { taskHash, planHash, software, options = {}, alsoFinished = false }: ResumedAs,
): void {
  if (finished !== undefined && !alsoFinished) throw finishedError(run.run, finished.rounds, finished.modelHash);
  if (run.versions.fedloom !== software) throw softwareChangedError(run.run, run.versions.fedloom, software);
  const begun: { readonly [name: string]: Json } = { ...run.options, seed: run.seed };
  for (const [name, now] of Object.entries(options)) {
    if (JSON.stringify(now) !== JSON.stringify(begun[name] ?? null)) throw optionsChangedError(name, begun[name], now);
  }
  const { name, hash } = run.task;
  const plan = run.plan?.hash ?? 'none';
  const planNow = planHash ?? 'none';
  if (plan !== planNow) throw taskChangedError({ what: 'plan', name, begun: plan, now: planNow });
  if (hash !== taskHash) throw taskChangedError({ what: 'task', name, begun: hash, now: taskHash });
}

/** The bytes of a blob's file; undefined when they are not there, or not those of its name. */
export async function fileBlob(
  storage: JournalStorage,
  hash: HashFunction,
  kind: BlobKind,
  blob: Hash,
): Promise<Uint8Array | undefined> {
  const bytes = await storage.get(blobName(kind, blob));
  return bytes !== undefined && hash(bytes) === blob ? bytes : undefined;
}

function decodeAll(entries: readonly Entry[]): JournalRecord[] {
  let software: string | undefined;
  return entries.flatMap((entry) => {
    const records = decodeRecords(entry, software);
    const [first] = records;
    if (first?.kind === 'run') software = first.versions.fedloom;
    return records;
  });
}

/** Of a damaged log, where what is not understood is passed over. */
function whatIsKnown(entries: readonly Entry[]): JournalRecord[] {
  return entries.flatMap((entry) => {
    try {
      return decodeRecords(entry);
    } catch {
      return [];
    }
  });
}

function versionsIn(records: readonly JournalRecord[]): VersionMade[] {
  return records.filter((record) => record.kind === 'version');
}

function loggedBlobsOf({ payload }: Entry): (readonly [BlobName, LoggedBlob])[] {
  return splitPayload(payload).blobs.map((blob) => [blob.name, blob] as const);
}

async function checkLastVersion(storage: JournalStorage, readBlob: ReadBlob, recovered: Recovered): Promise<void> {
  const { versions, rounds } = recovered;
  const last = versions.at(-1);
  if (last === undefined) return;
  const damaged = await firstDamaged(readBlob, last);
  if (damaged === undefined) return;
  throw corruptError({
    place: storage.place,
    where: { blob: blobName('versions', damaged) },
    roundsBefore: rounds,
    entriesAfter: 0,
    ...(await rescue(storage, readBlob, versions)),
  });
}

async function firstDamaged(readBlob: ReadBlob, version: VersionMade): Promise<Hash | undefined> {
  for (const blob of blobsOf(version)) {
    if ((await readBlob('versions', blob)) === undefined) return blob;
  }
  return undefined;
}

/** The newest of these versions that is whole. Its model gets files of its own, if it has none, so that people can take it. */
async function rescue(
  storage: JournalStorage,
  readBlob: ReadBlob,
  versions: readonly VersionMade[],
): Promise<Pick<Damage, 'saved'>> {
  for (const version of [...versions].reverse()) {
    if ((await firstDamaged(readBlob, version)) !== undefined) continue;
    const blobs: BlobName[] = [];
    for (const blob of modelBlobs(version.models)) {
      const [name, bytes] = [blobName('versions', blob), await readBlob('versions', blob)];
      if (bytes !== undefined && (await storage.get(name)) === undefined) await storage.put(name, bytes);
      blobs.push(name);
    }
    return { saved: { version: version.number, round: version.round, blobs } };
  }
  return {};
}
