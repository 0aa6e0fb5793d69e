export interface SilenceOptions {
  /** How often to ask the other end for a sign of life; default 15 s. */
  readonly pingEveryMs?: number;
  /** Silence after which the other end counts as gone, unless the connection is patient; default 2 min. */
  readonly deadAfterMs?: number;
}

export interface SilenceHost {
  readonly patient: boolean;
  ping(): void;
  dead(silentMs: number): void;
}

/** Counts silent intervals, not time: after this process was busy, what the other end sent must be read first. */
export class Silence {
  readonly #timer: NodeJS.Timeout;
  #heard = false;
  #silent = 0;

  constructor(host: SilenceHost, { pingEveryMs = 15_000, deadAfterMs = 120_000 }: SilenceOptions) {
    const silentMax = Math.max(2, Math.ceil(deadAfterMs / pingEveryMs));
    this.#timer = setInterval(() => {
      const heard = this.#heard;
      this.#heard = false;
      this.#silent = heard || host.patient ? 0 : this.#silent + 1;
      if (this.#silent >= silentMax) host.dead(silentMax * pingEveryMs);
      // What a busy end cannot read piles up at the broker.
      else if (heard || !host.patient) host.ping();
    }, pingEveryMs);
    this.#timer.unref();
  }

  /** Something came from the other end. */
  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
