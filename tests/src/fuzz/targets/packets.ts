import { FrameReader, frameBytesMax } from '../../../../packages/transport-mqtt/dist/line/frame-reader.js';
import { decodePacket, encodePacket, HEADER_BYTES } from '../../../../packages/transport-mqtt/dist/line/packets.js';
import { check, joined, partsIn, type Target } from '../target.js';

const SETTINGS = {
  version: 1,
  credit: 8,
  packetBytesMax: 4096,
  shared: true,
  server: 'abc',
  pieceBytes: 1024,
} as const;

/** Packets of a line through an MQTT broker, in their order, and the frames in them. */
export const target: Target = {
  seeds: () => [
    joined([
      encodePacket({ kind: 'open', settings: SETTINGS }),
      encodePacket({ kind: 'credit', until: 9 }),
      data(1, [5, 0, 0, 0, 1, 2, 3]),
      data(2, [4, 5, 0, 0, 0, 0]),
      encodePacket({ kind: 'close', sent: 2, reason: 'done' }),
    ]),
    joined([
      encodePacket({ kind: 'accept', settings: { version: 1, credit: 1, packetBytesMax: 1024 } }),
      encodePacket({ kind: 'ping', sent: 0 }),
      encodePacket({ kind: 'refuse', reason: 'full' }),
      encodePacket({ kind: 'lost' }),
    ]),
  ],
  run(input) {
    const reader = new FrameReader();
    let [isReadable, frameBytes, taken] = [true, 0, 0];
    for (const bytes of partsIn(input)) {
      const packet = decodePacket(bytes);
      if (packet?.kind === 'open' || packet?.kind === 'accept') {
        const again = decodePacket(encodePacket(packet));
        check(JSON.stringify(again) === JSON.stringify(packet), 'settings are written as others');
      }
      if (packet?.kind !== 'data' || !isReadable) continue;
      frameBytes += packet.bytes.length;
      isReadable = reader.read(packet.bytes, (frame) => {
        check(frame.length <= frameBytesMax, 'a frame that is too long');
        taken += frame.length;
      });
    }
    check(taken <= frameBytes, 'frames of bytes that did not come');
  },
};

function data(number: number, bytes: readonly number[]): Uint8Array {
  const packet = new Uint8Array(HEADER_BYTES + bytes.length);
  packet[0] = 3;
  packet[4] = number;
  packet.set(bytes, HEADER_BYTES);
  return packet;
}
