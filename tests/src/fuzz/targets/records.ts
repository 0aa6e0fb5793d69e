import { sha256 } from '../../../../packages/fedloom/dist/core/node/sha256.js';
import { encodeEntry, encodeHead } from '../../../../packages/fedloom/dist/journal/entries.js';
import { readJournal } from '../../../../packages/fedloom/dist/journal/read-journal.js';
import { MemoryDisk, MemoryStorage } from '../../../../packages/fedloom/dist/journal/testing/memory-storage.js';
import { examplePayloads } from '../example-journal.js';
import { joined, partsIn, type Target, unlessRefusedLater } from '../target.js';

/** What the entries of a journal say, with sums that are right. */
export const target: Target = {
  seeds: () => {
    const payloads = examplePayloads();
    return [joined(payloads), ...payloads.map((payload) => joined([payload]))];
  },
  async run(input) {
    const disk = new MemoryDisk();
    const entries = partsIn(input)
      .filter(({ length }) => length > 0)
      .map(encodeEntry);
    disk.log = Uint8Array.from(Buffer.concat([encodeHead(), ...entries]));
    await unlessRefusedLater(/^journal\./, () => readJournal(new MemoryStorage(disk), sha256));
  },
};
