import { FedloomError } from '@fedloom/engine';
import type { StateFiles } from '../../../packages/fedloom/dist/client/node/state-files.js';
import { type BlobName, hashIn, type JournalStorage } from '../../../packages/fedloom/dist/journal/storage.js';
import type { Dice } from './dice.js';
import type { SimulatedProcess } from './simulated-process.js';

/** What becomes of a write. `crash`: the process dies in the midst of it. */
export type WriteFate = 'written' | 'full' | 'crash';

/** What lies on a machine's disk, whatever becomes of its processes. */
export class Disk {
  log = new Uint8Array();
  readonly blobs = new Map<BlobName, Uint8Array>();
  readonly files = new Map<string, Uint8Array>();
  writes = 0;

  constructor(
    readonly dice: Dice,
    /** Asked for each write, counted from 1. */
    readonly fate: (write: number, what: string) => WriteFate,
    readonly latencyMs: () => number,
    /** Bytes have come to the log, and will stay. */
    readonly onAppended: (bytes: Uint8Array) => void = () => {},
  ) {}
}

/** Does a write in a process: later, and then all of it, a part of it, or nothing. */
async function write(
  disk: Disk,
  process: SimulatedProcess,
  what: string,
  work: () => void,
  part: () => void,
): Promise<void> {
  await process.sleep(disk.latencyMs());
  disk.writes += 1;
  const fate = disk.fate(disk.writes, what);
  if (fate === 'written') return work();
  part();
  if (fate === 'full') {
    throw new FedloomError('store.full', 'The disk is full.', { path: what, system: 'ENOSPC' });
  }
  process.kill();
  // Whoever waits for it waits for ever: it is gone.
  await new Promise(() => {});
}

/** The journal's place on a disk, as one process has it. */
export function journalOn(disk: Disk, process: SimulatedProcess): JournalStorage {
  const { dice } = disk;
  /** A whole write that was cut short by a crash has come, or has not. */
  const maybe = (work: () => void) => () => {
    if (dice.chance(0.5)) work();
  };
  const whole = (what: string, work: () => void) => write(disk, process, what, work, maybe(work));
  const add = (bytes: Uint8Array) => {
    const log = new Uint8Array(disk.log.length + bytes.length);
    log.set(disk.log);
    log.set(bytes, disk.log.length);
    disk.log = log;
  };
  const read = async <T>(get: () => T): Promise<T> => {
    await process.sleep(disk.latencyMs());
    return get();
  };
  let isAppending = false;
  return {
    place: 'disk',
    readLog: () => read(() => disk.log.slice()),
    cutLog: (bytes) =>
      whole('cut', () => {
        disk.log = disk.log.slice(0, bytes);
      }),
    async append(bytes) {
      if (isAppending) throw new Error('one append at a time');
      isAppending = true;
      const copy = bytes.slice();
      const all = () => {
        add(copy);
        disk.onAppended(copy);
      };
      try {
        await write(disk, process, 'append', all, () => add(torn(copy, dice)));
      } finally {
        isAppending = false;
      }
    },
    replaceLog: (bytes) => {
      const copy = bytes.slice();
      return whole('log', () => {
        disk.log = copy;
      });
    },
    put: (name, bytes) => {
      const copy = bytes.slice();
      return whole('blob', () => disk.blobs.set(name, copy));
    },
    get: (name) => read(() => disk.blobs.get(name)?.slice()),
    list: () => read(() => [...disk.blobs.keys()].filter((name) => hashIn(name) !== undefined)),
    delete: (name) => whole('delete', () => disk.blobs.delete(name)),
    close: async () => {},
  };
}

/** Its first bytes; sometimes the file has its new length already, and reads as zeros where nothing was written. */
function torn(bytes: Uint8Array, dice: Dice): Uint8Array {
  const written = dice.chance(0.2) ? bytes.length : dice.whole(0, bytes.length);
  if (bytes.length - written < 16 || dice.chance(0.7)) return bytes.slice(0, written);
  const sparse = new Uint8Array(bytes.length);
  sparse.set(bytes.subarray(0, written));
  return sparse;
}

/** The folder of a client's private state, as one process has it. */
export function stateFilesOn(disk: Disk, process: SimulatedProcess): StateFiles {
  const { files, dice } = disk;
  const whole = (what: string, work: () => void) =>
    write(disk, process, what, work, () => {
      if (dice.chance(0.5)) work();
    });
  return {
    async read(path) {
      await process.sleep(disk.latencyMs());
      return files.get(path)?.slice();
    },
    write: (path, bytes) => {
      const copy = bytes.slice();
      return whole('state', () => files.set(path, copy));
    },
    rename: (from, to) =>
      whole('rename', () => {
        const bytes = files.get(from);
        if (bytes === undefined) return;
        files.delete(from);
        files.set(to, bytes);
      }),
    remove: (path) => whole('remove', () => files.delete(path)),
    removeEmptyFolder: async () => {},
  };
}
