import { MemoryDisk, MemoryStorage } from './memory-storage.js';
import { describeStorage } from './storage-conformance.js';

describeStorage('memory', async () => {
  const disk = new MemoryDisk();
  return { open: async () => new MemoryStorage(disk), end: async () => {} };
});
