import { describe, expect, it } from 'vitest';
import { sha256 } from '../core/node/sha256.js';
import { encodeHead, readLog } from './entries.js';
import { LogWriter } from './log-writer.js';
import type { JournalRecord } from './record.js';
import { decodeRecords, recordText } from './record-codec.js';
import { blobName } from './storage.js';
import { MemoryDisk, MemoryStorage } from './testing/memory-storage.js';

const record = (round: number): JournalRecord => ({
  kind: 'clients',
  ranges: [{ from: round, count: 1, identity: 'one' }],
});

function writerOn(disk: MemoryDisk, compactAboveBytes = 1e9) {
  const timers = new Set<() => void>();
  const clock = {
    now: () => 0,
    setTimer(_: number, fire: () => void) {
      timers.add(fire);
      return () => timers.delete(fire);
    },
  };
  const writer = new LogWriter(new MemoryStorage(disk), { isHeld: () => false, compactAboveBytes, clock });
  return { writer, timers };
}

async function started(disk: MemoryDisk, compactAboveBytes?: number) {
  await new MemoryStorage(disk).append(encodeHead());
  return writerOn(disk, compactAboveBytes);
}

const text = (round: number) => recordText(record(round));

/** How many records each entry has. */
const entriesOf = ({ log }: MemoryDisk) => readLog(log).entries.map((entry) => decodeRecords(entry).length);

describe('LogWriter', () => {
  it('lets what can wait go with the next write, in its place', async () => {
    const disk = new MemoryDisk();
    const { writer, timers } = await started(disk);
    const soon = writer.appendSoon([text(0)]);
    expect(timers.size).toBe(1);
    await writer.append([text(1), text(2)]);
    await soon;
    expect([entriesOf(disk), timers.size, writer.writes]).toEqual([[3], 0, 1]);
    expect(readLog(disk.log).entries.flatMap((entry) => decodeRecords(entry))).toEqual([0, 1, 2].map(record));
  });

  it('takes out blobs that nobody holds, but leaves a log alone that the disk has damaged', async () => {
    for (const isDamaged of [false, true]) {
      const disk = new MemoryDisk();
      const { writer } = await started(disk, 500);
      const blobOf = (fill: number) => {
        const bytes = new Uint8Array(400).fill(fill);
        return { name: blobName('versions', sha256(bytes)), bytes };
      };
      await writer.append([text(0)], [blobOf(1)]);
      if (isDamaged) disk.log[60] = (disk.log[60] ?? 0) ^ 1;
      await writer.append([text(1)], [blobOf(2)]);
      await writer.append([text(2)]);
      await writer.idle();
      const { entries, end } = readLog(disk.log);
      if (isDamaged) expect(end).toMatchObject({ kind: 'damaged', after: [{ index: 1 }, { index: 2 }] });
      else expect(entries.flatMap((entry) => decodeRecords(entry))).toEqual([0, 1, 2].map(record));
      expect(disk.log.length > 800).toBe(isDamaged);
    }
  });

  it('writes it by itself after a while, and at the end', async () => {
    const disk = new MemoryDisk();
    const { writer, timers } = await started(disk);
    const first = writer.appendSoon([text(0)]);
    for (const fire of timers) fire();
    await first;
    expect(entriesOf(disk)).toEqual([1]);
    const second = writer.appendSoon([text(1)]);
    await writer.idle();
    await second;
    expect(entriesOf(disk)).toEqual([1, 1]);
  });
});
