import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** Longest encoding of a packet's length. */
const LENGTH_BYTES_MAX = 4;

/**
 * A socket whose packets keep to a size. Their lengths are read on the way, so that one that is too large ends the
 * connection before memory is taken for it.
 */
export class PacketGuard extends Duplex {
  readonly #socket: Socket;
  readonly #packetBytesMax: number;
  /** Bytes of the packet under way that are still to come; its header is not read where 0. */
  #bytesLeft = 0;
  #headerBytes = 0;
  #length = 0;

  constructor(socket: Socket, packetBytesMax: number) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#packetBytesMax = packetBytesMax;
    socket.on('data', (bytes: Buffer) => {
      if (!this.#check(bytes)) return void this.destroy(new Error(`a packet of more than ${packetBytesMax} bytes`));
      if (!this.push(bytes)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(bytes, done);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const last = chunks.pop();
    this.#socket.cork();
    for (const { chunk } of chunks) this.#socket.write(chunk);
    this.#socket.write(last?.chunk ?? '', done);
    this.#socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  /** @returns false for a packet that is too large, or whose length is none */
  #check(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#bytesLeft > 0) {
        const passed = Math.min(this.#bytesLeft, bytes.length - at);
        this.#bytesLeft -= passed;
        at += passed;
        continue;
      }
      const byte = bytes[at++] ?? 0;
      this.#headerBytes += 1;
      // The first tells the kind of packet; its length follows, seven bits a byte, as long as the eighth is set.
      if (this.#headerBytes === 1) continue;
      this.#length += (byte & 127) * 128 ** (this.#headerBytes - 2);
      if (byte < 128) {
        if (this.#headerBytes + this.#length > this.#packetBytesMax) return false;
        this.#bytesLeft = this.#length;
        this.#headerBytes = 0;
        this.#length = 0;
      } else if (this.#headerBytes > LENGTH_BYTES_MAX) return false;
    }
    return true;
  }
}
