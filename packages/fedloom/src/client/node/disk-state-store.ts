import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StateStore } from '../executor.js';

/** State kept in memory before the oldest goes to disk. */
const MEMORY_BYTES_MAX = 256 << 20;

/**
 * Keeps private state in memory up to `memoryBytesMax`, and what was used longest ago in a temporary folder: 100,000
 * SCAFFOLD clients with an 0.8 MB model would need 80 GB. The folder goes when the store closes.
 * @param memoryBytesMax default 256 MiB
 */
export function diskStateStore(memoryBytesMax = MEMORY_BYTES_MAX): StateStore {
  // Map order is order of use: the first is what was used longest ago.
  const memory = new Map<number, Uint8Array>();
  const writing = new Map<number, Promise<void>>();
  const onDisk = new Set<number>();
  let memoryBytes = 0;
  let folder: Promise<string> | undefined;
  const fileOf = async (client: number) => {
    folder ??= mkdtemp(join(tmpdir(), 'fedloom-state-'));
    return join(await folder, `${client}.safetensors`);
  };

  const forget = (client: number) => {
    const state = memory.get(client);
    if (state === undefined) return;
    memory.delete(client);
    memoryBytes -= state.byteLength;
  };
  const remember = (client: number, state: Uint8Array) => {
    forget(client);
    memory.set(client, state);
    memoryBytes += state.byteLength;
  };
  const spill = async () => {
    while (memoryBytes > memoryBytesMax && memory.size > 1) {
      const [client, state] = memory.entries().next().value as [number, Uint8Array];
      // It stays readable until it is whole on disk; a newer state of the client waits for this write.
      const write = (writing.get(client) ?? Promise.resolve()).then(async () => {
        await writeFile(await fileOf(client), state);
        onDisk.add(client);
      });
      writing.set(client, write);
      forget(client);
      await write;
      if (writing.get(client) === write) writing.delete(client);
    }
  };

  return {
    async get(client) {
      const held = memory.get(client);
      if (held !== undefined) {
        remember(client, held);
        return held;
      }
      await writing.get(client);
      if (!onDisk.has(client)) return undefined;
      return new Uint8Array(await readFile(await fileOf(client)));
    },
    async put(client, state) {
      remember(client, state);
      await spill();
    },
    async close() {
      memory.clear();
      await Promise.allSettled(writing.values());
      if (folder !== undefined) await rm(await folder, { recursive: true, force: true });
    },
  };
}
