import { sha256 } from '../../../../packages/fedloom/dist/core/node/sha256.js';
import { readDecisions, readJournal } from '../../../../packages/fedloom/dist/journal/read-journal.js';
import { MemoryDisk, MemoryStorage } from '../../../../packages/fedloom/dist/journal/testing/memory-storage.js';
import { exampleLog } from '../example-journal.js';
import { checkRefusal, type Target, unlessRefusedLater } from '../target.js';

/** The log of a journal, byte by byte. */
export const target: Target = {
  seeds: () => [exampleLog()],
  async run(input) {
    const disk = new MemoryDisk();
    disk.log = Uint8Array.from(input);
    const reading = await unlessRefusedLater(/^journal\./, () => readJournal(new MemoryStorage(disk), sha256));
    await readDecisions(new MemoryStorage(disk)).catch((error: unknown) => checkRefusal(error, /^journal\./));
    if (reading === undefined) return;
    if (reading.wholeBytes > input.length) throw new Error('more is whole than there is');
  },
};
