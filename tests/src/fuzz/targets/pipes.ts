import { encodeFrame, FrameReader } from '../../../../packages/fedloom/dist/compute/node/frames.js';
import { joined, partsIn, type Target, unlessRefused } from '../target.js';

/** What a pool's workers tell, in the pieces in which a pipe gives it. */
export const target: Target = {
  trustsLengths: true,
  seeds: () => {
    const frame = Buffer.concat(
      encodeFrame({ kind: 'done', update: Float32Array.of(1, 2), facts: { sampleCount: 3 }, none: new Uint8Array(0) }),
    );
    return [joined([frame]), joined([frame.subarray(0, 5), frame.subarray(5, 30), frame.subarray(30)])];
  },
  run(input) {
    const reader = new FrameReader(() => {}, 16);
    unlessRefused(/^compute\.frame$/, () => {
      for (const piece of partsIn(input)) reader.push(piece);
    });
  },
};
