import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dataPacket, decodePacket, encodePacket, type LineSettings, payloadBytes } from './packets.js';

const settings: LineSettings = { version: 1, credit: 8, packetBytesMax: 245_760, server: 'a1', pieceBytes: 7 };
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

it('are what PROTOCOL.md says', () => {
  const packet = new Uint8Array(10);
  dataPacket(packet, 258).set([7, 9]);
  expect(hex(packet)).toBe('03000000020100000709');
  expect(hex(encodePacket({ kind: 'credit', until: 2 ** 32 - 1 }))).toBe('04000000ffffffff');
  expect(hex(encodePacket({ kind: 'close', sent: 3, reason: 'é' }))).toBe('0500000003000000c3a9');
  expect(hex(encodePacket({ kind: 'lost' }))).toBe('0600000000000000');
});

it('come out as they went in', () => {
  const packets = [
    { kind: 'open', settings: { version: 1, credit: 1, packetBytesMax: 1024, shared: true } },
    { kind: 'accept', settings },
    { kind: 'credit', until: 5 },
    { kind: 'close', sent: 6, reason: 'the run is over' },
    { kind: 'lost' },
    { kind: 'ping', sent: 7 },
    { kind: 'refuse', reason: 'transport.full: no room' },
  ] as const;
  expect(packets.map((packet) => decodePacket(encodePacket(packet)))).toEqual(packets);
});

it.each([
  ['another version', { ...settings, version: 2 }],
  ['no credit', { ...settings, credit: 0 }],
  ['packets too small for a topic', { ...settings, packetBytesMax: 100 }],
])('settings with %s are none', (_what, wrong) => {
  expect(decodePacket(encodePacket({ kind: 'open', settings: wrong as LineSettings }))).toBeUndefined();
});

it('whatever the bytes, it is a packet or none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const packet = decodePacket(bytes);
      expect(packet === undefined || typeof packet.kind === 'string').toBe(true);
    }),
  );
  expect(decodePacket(Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0, 1))).toBeUndefined();
});

it('leaves room for what MQTT adds', () => {
  expect(payloadBytes(1024, 'ab/ç')).toBe(1024 - 16 - 5);
});
