import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientIndex } from '../../core/brands.js';
import type { StateStore } from '../state-store.js';

/** State kept in memory before the oldest goes to disk. */
const MEMORY_BYTES_MAX = 256 << 20;

/**
 * Keeps private state in memory up to `memoryBytesMax`, and what was used longest ago in a temporary folder: 100,000
 * SCAFFOLD clients with an 0.8 MB model would need 80 GB. The folder goes when the store closes.
 * @param memoryBytesMax default 256 MiB
 */
export function diskStateStore(memoryBytesMax = MEMORY_BYTES_MAX): StateStore {
  // Map order is order of use: the first is what was used longest ago.
  const memory = new Map<ClientIndex, Uint8Array>();
  const writing = new Map<ClientIndex, Promise<boolean>>();
  const onDisk = new Set<ClientIndex>();
  let memoryBytes = 0;
  let folder: Promise<string> | undefined;
  const fileOf = async (client: ClientIndex) => {
    folder ??= mkdtemp(join(tmpdir(), 'fedloom-state-'));
    return join(await folder, `${client}.safetensors`);
  };

  const forget = (client: ClientIndex) => {
    const state = memory.get(client);
    if (state === undefined) return;
    memory.delete(client);
    memoryBytes -= state.byteLength;
  };
  const remember = (client: ClientIndex, state: Uint8Array) => {
    forget(client);
    memory.set(client, state);
    memoryBytes += state.byteLength;
  };
  const spill = async () => {
    while (memoryBytes > memoryBytesMax && memory.size > 1) {
      const [client, state] = memory.entries().next().value as [ClientIndex, Uint8Array];
      // It stays readable until it is whole on disk; a newer state of the client waits for this write.
      const write = (writing.get(client) ?? Promise.resolve(true)).then(() => save(client, state));
      writing.set(client, write);
      forget(client);
      const saved = await write;
      if (writing.get(client) === write) writing.delete(client);
      if (!saved) return;
    }
  };
  /** Says whether it went well: a disk that is full must not cost a client its state, which then stays in memory. */
  const save = async (client: ClientIndex, state: Uint8Array): Promise<boolean> => {
    try {
      await writeFile(await fileOf(client), state);
      onDisk.add(client);
      return true;
    } catch {
      if (!memory.has(client)) remember(client, state);
      return false;
    }
  };

  return {
    async get(client) {
      const held = memory.get(client);
      if (held !== undefined) {
        remember(client, held);
        return held;
      }
      const saved = await writing.get(client);
      if (saved === false) return memory.get(client);
      if (!onDisk.has(client)) return undefined;
      return new Uint8Array(await readFile(await fileOf(client)));
    },
    async put(client, state) {
      remember(client, state);
      await spill();
    },
    async close() {
      memory.clear();
      await Promise.all(writing.values());
      if (folder !== undefined) await rm(await folder, { recursive: true, force: true });
    },
  };
}
