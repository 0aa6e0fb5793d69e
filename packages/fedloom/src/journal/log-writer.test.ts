import { describe, expect, it } from 'vitest';
import { encodeHead, readLog } from './entries.js';
import { LogWriter } from './log-writer.js';
import type { JournalRecord } from './record.js';
import { decodeRecords } from './record-codec.js';
import { MemoryDisk, MemoryStorage } from './testing/memory-storage.js';

const record = (round: number): JournalRecord => ({
  kind: 'clients',
  ranges: [{ from: round, count: 1, identity: 'one' }],
});

function writerOn(disk: MemoryDisk) {
  const timers = new Set<() => void>();
  const clock = {
    now: () => 0,
    setTimer(_: number, fire: () => void) {
      timers.add(fire);
      return () => timers.delete(fire);
    },
  };
  const writer = new LogWriter(new MemoryStorage(disk), { isHeld: () => true, compactAboveBytes: 1e9, clock });
  return { writer, timers };
}

async function started(disk: MemoryDisk) {
  await new MemoryStorage(disk).append(encodeHead());
  return writerOn(disk);
}

/** How many records each entry has. */
const entriesOf = ({ log }: MemoryDisk) => readLog(log).entries.map((entry) => decodeRecords(entry).length);

describe('LogWriter', () => {
  it('lets what can wait go with the next write, in its place', async () => {
    const disk = new MemoryDisk();
    const { writer, timers } = await started(disk);
    const soon = writer.appendSoon([record(0)]);
    expect(timers.size).toBe(1);
    await writer.append([record(1), record(2)]);
    await soon;
    expect([entriesOf(disk), timers.size, writer.writes]).toEqual([[3], 0, 1]);
    expect(readLog(disk.log).entries.flatMap((entry) => decodeRecords(entry))).toEqual([0, 1, 2].map(record));
  });

  it('writes it by itself after a while, and at the end', async () => {
    const disk = new MemoryDisk();
    const { writer, timers } = await started(disk);
    const first = writer.appendSoon([record(0)]);
    for (const fire of timers) fire();
    await first;
    expect(entriesOf(disk)).toEqual([1]);
    const second = writer.appendSoon([record(1)]);
    await writer.idle();
    await second;
    expect(entriesOf(disk)).toEqual([1, 1]);
  });
});
