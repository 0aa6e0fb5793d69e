/**
 * Bytes that incoming bodies of all channels of a process may occupy together. Each channel asks through its own lane;
 * lanes take turns, and within a lane the first request comes first. The request whose turn it is waits for its room:
 * no smaller one slips past, so a large body is never starved. Granted bytes come back when their owner releases them.
 */
export class ByteBudget {
  #capacityBytes: number;
  #usedBytes = 0;
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
    });
    return lane;
  }

  #grantWaiting(): void {
    // A grant's callback may release or ask again: the loop then sees it in its next turn.
    if (this.#granting) return;
    this.#granting = true;
    try {
      for (let lane = this.#waiting[0]; lane !== undefined; lane = this.#waiting[0]) {
        if (this.#usedBytes + lane.nextBytes > this.#capacityBytes) break;
        this.#waiting.shift();
        lane.grantNext();
      }
    } finally {
      this.#granting = false;
    }
  }
}

interface LaneHost {
  changeUsed(bytes: number): void;
  queue(): void;
  unqueue(): void;
  grantWaiting(): void;
}

/** One channel's access to the budget. */
export class BudgetLane {
  readonly #host: LaneHost;
  #requests: { readonly bytes: number; readonly granted: () => void }[] = [];
  #closed = false;

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
    this.#host.changeUsed(bytes);
  }

  release(bytes: number): void {
    this.#host.changeUsed(-bytes);
    this.#host.grantWaiting();
  }

  /** Forgets requests that wait. What was granted must still be released. */
  close(): void {
    this.#closed = true;
    if (this.#requests.length === 0) return;
    this.#requests = [];
    this.#host.unqueue();
    this.#host.grantWaiting();
  }

  /** @internal For the budget. */
  get nextBytes(): number {
    return this.#requests[0]?.bytes ?? 0;
  }

  /** @internal For the budget. */
  grantNext(): void {
    const request = this.#requests.shift();
    if (request === undefined) return;
    this.#host.changeUsed(request.bytes);
    if (this.#requests.length > 0) this.#host.queue();
    request.granted();
  }
}
