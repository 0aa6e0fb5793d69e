import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import { diskStateStore } from './disk-state-store.js';

const stateOf = (client: number) => Uint8Array.from({ length: 100 }, (_, i) => (client * 31 + i) & 255);
const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('fedloom-state-'));

describe('diskStateStore', () => {
  it('gives back what was put, from memory or from disk', async () => {
    const store = diskStateStore(250);
    for (let client = 0; client < 20; client += 1) await store.put(clientIndex(client), stateOf(client));
    for (let client = 0; client < 20; client += 1)
      expect(await store.get(clientIndex(client))).toEqual(stateOf(client));
    await store.put(clientIndex(3), stateOf(99));
    for (let client = 4; client < 20; client += 1) await store.put(clientIndex(client), stateOf(client));
    expect(await store.get(clientIndex(3))).toEqual(stateOf(99));
    expect(await store.get(clientIndex(1000))).toBeUndefined();
    await store.close();
  });

  it('sees a put that is still on its way to disk', async () => {
    const store = diskStateStore(150);
    const puts = Array.from({ length: 10 }, (_, client) => store.put(clientIndex(client), stateOf(client)));
    const gets = Array.from({ length: 10 }, (_, client) => store.get(clientIndex(client)));
    for (const [client, state] of (await Promise.all(gets)).entries()) expect(state).toEqual(stateOf(client));
    await Promise.all(puts);
    await store.close();
  });

  it('writes nothing while memory suffices, and leaves no folder behind', async () => {
    const before = folders();
    const small = diskStateStore(1_000_000);
    await small.put(clientIndex(1), stateOf(1));
    expect(folders()).toEqual(before);
    await small.close();
    const spilling = diskStateStore(10);
    await spilling.put(clientIndex(1), stateOf(1));
    await spilling.put(clientIndex(2), stateOf(2));
    const made = folders().filter((name) => !before.includes(name));
    expect(made).toHaveLength(1);
    await spilling.close();
    expect(existsSync(join(tmpdir(), made[0] as string))).toBe(false);
  });
});
