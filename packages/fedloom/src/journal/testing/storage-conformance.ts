import { afterEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../core/node/sha256.js';
import { blobName, type JournalStorage } from '../storage.js';

export interface StorageUnderTest {
  /** Opens the same place each time; after `close` what was written is there again. */
  open(): Promise<JournalStorage>;
  end(): Promise<void>;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
const nameOf = (text: string) => blobName('versions', sha256(bytesOf(text)));

/** What every storage of journals must do. `create` is called for each test. */
export function describeStorage(name: string, create: () => Promise<StorageUnderTest>): void {
  describe(`storage ${name}`, () => {
    let place: StorageUnderTest | undefined;
    let opened: JournalStorage | undefined;
    const open = async () => {
      place ??= await create();
      opened = await place.open();
      return opened;
    };
    const reopen = async () => {
      await opened?.close();
      return open();
    };
    afterEach(async () => {
      await opened?.close();
      await place?.end();
      opened = undefined;
      place = undefined;
    });

    it('begins empty', async () => {
      const storage = await open();
      expect(await storage.readLog()).toHaveLength(0);
      expect(await storage.list()).toEqual([]);
      expect(await storage.get(nameOf('a'))).toBeUndefined();
      await storage.delete(nameOf('a'));
    });

    it('appends behind what is there, also after it was opened again', async () => {
      let storage = await open();
      await storage.append(bytesOf('ab'));
      await storage.append(bytesOf('c'));
      storage = await reopen();
      expect(textOf(await storage.readLog())).toBe('abc');
      await storage.append(bytesOf('d'));
      expect(textOf(await storage.readLog())).toBe('abcd');
    });

    it('cuts the log, and appends behind the cut', async () => {
      let storage = await open();
      await storage.append(bytesOf('abcdef'));
      await storage.cutLog(2);
      await storage.append(bytesOf('X'));
      storage = await reopen();
      expect(textOf(await storage.readLog())).toBe('abX');
      await storage.cutLog(0);
      expect(await storage.readLog()).toHaveLength(0);
    });

    it('replaces the log, and appends behind the new one', async () => {
      let storage = await open();
      await storage.append(bytesOf('abcdef'));
      await storage.replaceLog(bytesOf('xy'));
      await storage.append(bytesOf('z'));
      expect(textOf(await storage.readLog())).toBe('xyz');
      storage = await reopen();
      await storage.append(bytesOf('!'));
      expect(textOf(await storage.readLog())).toBe('xyz!');
      expect(await storage.list()).toEqual([]);
    });

    it('keeps, lists, replaces and deletes blobs', async () => {
      let storage = await open();
      await storage.put(nameOf('a'), bytesOf('a'));
      await storage.put(nameOf('b'), bytesOf('b'));
      const state = blobName('states', sha256(bytesOf('c')));
      await storage.put(state, new Uint8Array());
      await storage.put(nameOf('a'), bytesOf('a'));
      storage = await reopen();
      expect((await storage.list()).sort()).toEqual([nameOf('a'), nameOf('b'), state].sort());
      expect(textOf(await storage.get(nameOf('b')))).toBe('b');
      expect(await storage.get(state)).toHaveLength(0);
      await storage.delete(nameOf('a'));
      expect(await storage.get(nameOf('a'))).toBeUndefined();
      expect(await storage.list()).toHaveLength(2);
    });

    it('puts many blobs at the same time, beside appends', async () => {
      let storage = await open();
      const texts = Array.from({ length: 40 }, (_, i) => `blob ${i}`.repeat(i * 100));
      const puts = texts.map((text) => storage.put(nameOf(text), bytesOf(text)));
      for (let i = 0; i < 5; i += 1) await storage.append(bytesOf(String(i)));
      await Promise.all(puts);
      storage = await reopen();
      expect(textOf(await storage.readLog())).toBe('01234');
      for (const text of texts) expect(textOf(await storage.get(nameOf(text)))).toBe(text);
    });

    it('closes when what was begun is done', async () => {
      const storage = await open();
      const put = storage.put(nameOf('a'), bytesOf('a'));
      await storage.close();
      await put;
      opened = undefined;
      expect(textOf(await (await open()).get(nameOf('a')))).toBe('a');
    });
  });
}
