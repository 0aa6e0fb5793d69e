import {
  decodeFrame,
  encodeChunk,
  encodeControl,
  encodeInline,
} from '../../../../packages/fedloom/dist/protocol/codec.js';
import { examples } from '../../../../packages/fedloom/dist/protocol/testing/messages.js';
import { check, type Target, unlessRefused } from '../target.js';

const BODIES = new Set(['plan', 'frozen', 'model', 'update']);
const BODY = Uint8Array.from({ length: 24 }, (_, i) => i);

/** Single frames. */
export const target: Target = {
  seeds: () => [
    ...Object.values(examples).flatMap((message) =>
      BODIES.has(message.type)
        ? [encodeInline(message, BODY), encodeControl(message, { stream: 1, bytes: 100_000 })]
        : [encodeControl(message)],
    ),
    encodeChunk(1, 2 ** 33, BODY),
  ],
  run(input) {
    const frame = unlessRefused(/^protocol\./, () => decodeFrame(input));
    if (frame === undefined || frame.kind === 'chunk') return;
    const { message, definition } = frame;
    check(definition.type === message.type, 'a message of another type than its definition');
    // Controls in texts for people are written out, which may make them too long to be sent on.
    const again = unlessRefused(/^protocol\./, () =>
      frame.kind === 'inline' ? encodeInline(message, frame.body) : encodeControl(message, frame.body),
    );
    if (again === undefined) return;
    const read = decodeFrame(again);
    if (read.kind === 'chunk') throw new Error('a message was written as a chunk');
    // As JSON, which has no -0.
    check(JSON.stringify(read.message) === JSON.stringify(message), 'another message');
    const body = (of: typeof frame) => (of.kind === 'inline' ? Buffer.from(of.body).toString('hex') : of.body);
    check(JSON.stringify(body(read)) === JSON.stringify(body(frame)), 'another body');
  },
};
