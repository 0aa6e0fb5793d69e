import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** What a ping or pong of a client has beside its payload: two bytes of header, four of mask. */
const CONTROL_FRAME_BYTES = 6;

/** A connection, as far as it counts here. */
export interface Unfinished {
  cut(): void;
}

/**
 * Bytes of frames of which the end is still to come, over all connections of a server: any of them may begin one of a megabyte,
 * before anybody knows who it is, and never end it. Where they are too many, whoever began first is cut: honest frames are short
 * of their end for no longer than they take to travel.
 */
export class UnfinishedFrames {
  /** In the order in which the frames began. */
  readonly #bytes = new Map<Unfinished, number>();
  #total = 0;

  constructor(private readonly bytesMax = 64 << 20) {}

  /** Counts what comes over a WebSocket, on its way to being read. */
  watch(webSocket: WebSocket, socket: Socket, cut: () => void): void {
    const connection = { cut };
    // Before the WebSocket reads it, which may find the end of a frame in it.
    socket.prependListener('data', (data: Buffer) => this.grew(connection, data.length));
    webSocket.on('message', () => this.ended(connection));
    for (const event of ['ping', 'pong'] as const) {
      webSocket.on(event, (data) => this.shrank(connection, data.length + CONTROL_FRAME_BYTES));
    }
    webSocket.on('close', () => this.ended(connection));
  }

  /** More of a frame came. */
  grew(connection: Unfinished, bytes: number): void {
    this.#bytes.set(connection, (this.#bytes.get(connection) ?? 0) + bytes);
    this.#total += bytes;
    while (this.#total > this.bytesMax) {
      const [oldest] = this.#bytes.keys();
      if (oldest === undefined) return;
      this.ended(oldest);
      oldest.cut();
    }
  }

  /** So much of it was no frame of the kind that counts. */
  shrank(connection: Unfinished, bytes: number): void {
    const left = (this.#bytes.get(connection) ?? 0) - bytes;
    if (left <= 0) return this.ended(connection);
    this.#bytes.set(connection, left);
    this.#total -= bytes;
  }

  /** The frame is whole, or the connection gone. */
  ended(connection: Unfinished): void {
    this.#total -= this.#bytes.get(connection) ?? 0;
    this.#bytes.delete(connection);
  }
}
