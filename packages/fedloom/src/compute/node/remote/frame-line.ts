import { freeBytes, uninitializedBytes } from '../../../core/byte-memory.js';
import { wireLimits } from '../../../protocol/limits.js';
import type { Connection } from '../../../protocol/transport.js';
import { encodeFrame, FrameReader } from '../frames.js';

/** Before an update, so that a chunk's header fits there; what other arrays begin with must stay aligned. */
const ROOM_BYTES = Math.ceil(wireLimits.chunkHeaderBytes / 8) * 8;

export interface FrameLineHandlers {
  /** Every array in it has a buffer of its own. */
  message(value: unknown): void;
  /** Called once. */
  closed(reason: string): void;
}

/** Values of any size over a connection, in order: what `encodeFrame` takes, cut as the transport likes it. */
export class FrameLine {
  readonly #connection: Connection;

  constructor(connection: Connection, { message, closed }: FrameLineHandlers) {
    this.#connection = connection;
    const reader = new FrameReader(message, ROOM_BYTES);
    connection.bind({
      frame: (frame) => {
        try {
          reader.push(frame);
        } catch (error) {
          connection.close(error instanceof Error ? error.message : String(error));
        }
        freeBytes(frame);
      },
      // What waits is small against what it works on: a job for each worker, a model for each host.
      drained: () => {},
      closed,
    });
  }

  get peer(): string {
    return this.#connection.peer;
  }

  /** The value's arrays may change afterwards. */
  send(value: unknown): void {
    for (const frame of packed(encodeFrame(value))) this.#connection.send(frame);
  }

  close(reason?: string): void {
    this.#connection.close(reason);
  }
}

/** The pieces' bytes in as few frames as they need. */
function* packed(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let left = pieces.reduce((sum, { length }) => sum + length, 0);
  const newFrame = () => uninitializedBytes(Math.min(left, wireLimits.chunkBytesMax));
  let frame = newFrame();
  let filled = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + frame.length - filled);
      frame.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < frame.length) continue;
      left -= filled;
      yield frame;
      frame = newFrame();
      filled = 0;
    }
  }
}
