/**
 * Bytes that incoming bodies of all channels of a process may occupy together. Each channel asks through its own lane;
 * lanes take turns, and within a lane the first request comes first. The request whose turn it is waits for its room:
 * no smaller one slips past, so a large body is never starved. Granted bytes come back when their owner releases them.
 *
 * Where there are several lanes, each has a share: beyond one body it holds no more than is left free to the others (the
 * dynamic threshold of Choudhury and Hahne 1998, with alpha 1). So n that give nothing back leave 1 / (n + 1) of it.
 */
export class ByteBudget {
  #capacityBytes: number;
  #usedBytes = 0;
  #lanes = 0;
  /** Lanes with requests, in order of their turns. */
  readonly #waiting: BudgetLane[] = [];
  #granting = false;

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
  }

  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  /** Makes room for at least so much. It never shrinks: what waits for room was promised it. */
  grow(capacityBytes: number): void {
    this.#capacityBytes = Math.max(this.#capacityBytes, capacityBytes);
    this.#grantWaiting();
  }

  /** Above `capacityBytes` only by bodies that came inline. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  lane(): BudgetLane {
    this.#lanes += 1;
    const lane: BudgetLane = new BudgetLane({
      changeUsed: (bytes) => {
        this.#usedBytes += bytes;
      },
      queue: () => {
        this.#waiting.push(lane);
      },
      unqueue: () => {
        const place = this.#waiting.indexOf(lane);
        if (place >= 0) this.#waiting.splice(place, 1);
      },
      grantWaiting: () => this.#grantWaiting(),
      gone: () => {
        this.#lanes -= 1;
      },
      others: () => this.#waiting.some((other) => other !== lane),
    });
    return lane;
  }

  #grantWaiting(): void {
    // A grant's callback may release or ask again: the loop then sees it in its next turn.
    if (this.#granting) return;
    this.#granting = true;
    try {
      for (let lane = this.#next(); lane !== undefined; lane = this.#next()) {
        if (this.#usedBytes + lane.nextBytes > this.#capacityBytes) break;
        this.#waiting.splice(this.#waiting.indexOf(lane), 1);
        lane.grantNext();
      }
    } finally {
      this.#granting = false;
    }
  }

  /** Whose turn it is, of those that have not had their share. */
  #next(): BudgetLane | undefined {
    if (this.#lanes <= 1) return this.#waiting[0];
    const freeBytes = this.#capacityBytes - this.#usedBytes;
    return this.#waiting.find(({ heldBytes, nextBytes }) => heldBytes === 0 || heldBytes + nextBytes <= freeBytes);
  }
}

interface LaneHost {
  changeUsed(bytes: number): void;
  queue(): void;
  unqueue(): void;
  grantWaiting(): void;
  gone(): void;
  others(): boolean;
}

/** One channel's access to the budget. */
export class BudgetLane {
  readonly #host: LaneHost;
  #requests: { readonly bytes: number; readonly granted: () => void }[] = [];
  #closed = false;
  #heldBytes = 0;

  constructor(host: LaneHost) {
    this.#host = host;
  }

  /** Calls `granted` once, perhaps before it returns, when the bytes are there. `bytes` must not exceed the capacity. */
  request(bytes: number, granted: () => void): void {
    if (this.#closed) return;
    this.#requests.push({ bytes, granted });
    if (this.#requests.length === 1) this.#host.queue();
    this.#host.grantWaiting();
  }

  /** Counts bytes that are here already, whether there is room or not; grants wait until there is room again. */
  take(bytes: number): void {
    this.#heldBytes += bytes;
    this.#host.changeUsed(bytes);
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#host.changeUsed(-bytes);
    this.#host.grantWaiting();
  }

  /** Forgets requests that wait. What was granted must still be released. */
  close(): void {
    if (!this.#closed) this.#host.gone();
    this.#closed = true;
    if (this.#requests.length === 0) return;
    this.#requests = [];
    this.#host.unqueue();
    this.#host.grantWaiting();
  }

  /** Others wait for room. */
  get contended(): boolean {
    return this.#host.others();
  }

  /** @internal For the budget: granted, or taken, and not released. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @internal For the budget. */
  get nextBytes(): number {
    return this.#requests[0]?.bytes ?? 0;
  }

  /** @internal For the budget. */
  grantNext(): void {
    const request = this.#requests.shift();
    if (request === undefined) return;
    this.#heldBytes += request.bytes;
    this.#host.changeUsed(request.bytes);
    if (this.#requests.length > 0) this.#host.queue();
    request.granted();
  }
}
