/** Shorter ones are not worth it. */
const WORTHWHILE_BYTES = 16 << 10;
const KEPT_MAX = 32;

/** Memory of packets, used again for the next: fresh pages cost more than to fill them. */
export class PacketMemory {
  readonly #kept: Buffer[] = [];

  /** @param packetBytesMax no packet is longer */
  constructor(private readonly packetBytesMax: number) {}

  /** What it holds is anything. */
  take(bytes: number): Uint8Array {
    if (bytes < WORTHWHILE_BYTES) return Buffer.allocUnsafe(bytes);
    const memory = this.#kept.pop() ?? Buffer.allocUnsafeSlow(Math.max(bytes, this.packetBytesMax));
    return new Uint8Array(memory.buffer, memory.byteOffset, bytes);
  }

  /** Nobody reads it any more. */
  giveBack({ buffer, byteLength }: Uint8Array): void {
    if (byteLength < WORTHWHILE_BYTES || this.#kept.length === KEPT_MAX) return;
    this.#kept.push(Buffer.from(buffer as ArrayBuffer));
  }
}
