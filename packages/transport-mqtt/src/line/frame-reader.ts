/** PROTOCOL.md, section 11: no frame is longer. */
export const frameBytesMax = (1 << 20) + 16;
const LENGTH_BYTES = 4;

/** Frames out of the bytes of a line. Each gets memory of its own, once its length is known and allowed. */
export class FrameReader {
  #lengthRead = 0;
  #length = 0;
  #frame: Uint8Array | undefined;
  #filled = 0;

  /** @returns false when a frame is longer than allowed: nothing more can be read */
  read(
    bytes: Uint8Array,
    take: (frame: Uint8Array) => void,
    memory: (bytes: number) => Uint8Array = (length) => new Uint8Array(length),
  ): boolean {
    let at = 0;
    while (at < bytes.length || this.#frame?.length === this.#filled) {
      if (this.#frame === undefined) {
        while (this.#lengthRead < LENGTH_BYTES && at < bytes.length) {
          this.#length += (bytes[at++] ?? 0) * 256 ** this.#lengthRead++;
        }
        if (this.#lengthRead < LENGTH_BYTES) return true;
        if (this.#length > frameBytesMax) return false;
        this.#frame = memory(this.#length);
        this.#filled = 0;
      }
      const frame = this.#frame;
      const count = Math.min(frame.length - this.#filled, bytes.length - at);
      frame.set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled < frame.length) return true;
      this.#lengthRead = 0;
      this.#length = 0;
      this.#frame = undefined;
      take(frame);
    }
    return true;
  }
}
