const LENGTH_BYTES = 4;

/** Frames as a stream of bytes: before each its length in 4 bytes. Cut where a packet ends, several to a packet where they fit. */
export class FrameWriter {
  #frames: Uint8Array[] = [];
  #head = 0;
  /** Bytes of the frame at the head that have been taken, its length included. */
  #taken = 0;
  #bytes = 0;

  /** Of frames, not of their lengths. */
  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#head === this.#frames.length;
  }

  push(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
  }

  /** Bytes that the stream has ready, at most `bytesMax`. */
  readyBytes(bytesMax: number): number {
    let ready = -this.#taken;
    for (let at = this.#head; at < this.#frames.length && ready < bytesMax; at++) {
      ready += LENGTH_BYTES + (this.#frames[at]?.length ?? 0);
    }
    return Math.min(ready, bytesMax);
  }

  /**
   * Fills `room` with the next bytes of the stream, which must be ready.
   * @param spent told each frame of which no byte is left
   * @returns how many bytes of them are of frames
   */
  fill(room: Uint8Array, spent?: (frame: Uint8Array) => void): number {
    const before = this.#bytes;
    let at = 0;
    while (at < room.length) {
      const frame = this.#frames[this.#head];
      if (frame === undefined) break;
      while (this.#taken < LENGTH_BYTES && at < room.length) room[at++] = (frame.length >>> (8 * this.#taken++)) & 255;
      const from = this.#taken - LENGTH_BYTES;
      const count = Math.min(frame.length - from, room.length - at);
      if (from < 0 || count < 0) break;
      room.set(frame.subarray(from, from + count), at);
      at += count;
      this.#taken += count;
      this.#bytes -= count;
      if (this.#taken < LENGTH_BYTES + frame.length) continue;
      this.#next();
      spent?.(frame);
    }
    return before - this.#bytes;
  }

  clear(): void {
    this.#frames = [];
    this.#head = 0;
    this.#taken = 0;
    this.#bytes = 0;
  }

  #next(): void {
    this.#frames[this.#head++] = EMPTY;
    this.#taken = 0;
    if (this.#head < this.#frames.length && this.#head < 1024) return;
    this.#frames.splice(0, this.#head);
    this.#head = 0;
  }
}

const EMPTY = new Uint8Array(0);
