import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FrameReader, frameBytesMax } from './frame-reader.js';
import { FrameWriter } from './frame-writer.js';
import { PacketMemory } from './packet-memory.js';

it('frames come out as they went in, wherever packets cut them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
      fc.integer({ min: 1, max: 30 }),
      (frames, size) => {
        const writer = new FrameWriter();
        const reader = new FrameReader();
        const spent: Uint8Array[] = [];
        const came: Uint8Array[] = [];
        for (const frame of frames) writer.push(frame);
        let bytes = 0;
        while (!writer.empty) {
          const room = new Uint8Array(writer.readyBytes(size));
          expect(room.length).toBeGreaterThan(0);
          bytes += writer.fill(room, (frame) => spent.push(frame));
          expect(reader.read(room, (frame) => came.push(frame))).toBe(true);
        }
        expect(came).toEqual(frames);
        expect(spent).toEqual(frames);
        expect([writer.bytes, bytes]).toEqual([0, frames.reduce((sum, { length }) => sum + length, 0)]);
      },
    ),
  );
});

it('takes no memory for a frame that is longer than allowed', () => {
  const taken: number[] = [];
  const memory = (bytes: number) => {
    taken.push(bytes);
    return new Uint8Array(bytes);
  };
  const length = (bytes: number) => new Uint8Array(Uint32Array.of(bytes).buffer);
  expect(new FrameReader().read(length(frameBytesMax), () => {}, memory)).toBe(true);
  expect(new FrameReader().read(length(frameBytesMax + 1), () => {}, memory)).toBe(false);
  expect(taken).toEqual([frameBytesMax]);
});

it('memory of packets is used again, whatever their length', () => {
  const memory = new PacketMemory(100_000);
  const first = memory.take(100_000);
  memory.giveBack(first);
  const second = memory.take(20_000);
  expect([second.buffer === first.buffer, second.length]).toEqual([true, 20_000]);
  expect(memory.take(20_000).buffer).not.toBe(first.buffer);
  memory.giveBack(second);
  expect(memory.take(90_000).length).toBe(90_000);
});
