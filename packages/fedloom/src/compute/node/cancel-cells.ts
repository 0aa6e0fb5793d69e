/** A place in shared memory where a caller tells a worker thread to stop: not 0 means so. */
export interface CancelCell {
  readonly cells: Int32Array;
  readonly at: number;
}

const CELLS = 256;

/**
 * Gives out cells of few shared arrays. An array of its own for each job costs more: in making it, and in each message, since
 * every thread takes hold of each shared buffer anew.
 */
export class CancelCells {
  readonly #free: CancelCell[] = [];

  /** A cell that holds 0. */
  take(): CancelCell {
    if (this.#free.length === 0) {
      const cells = new Int32Array(new SharedArrayBuffer(4 * CELLS));
      for (let at = CELLS - 1; at >= 0; at -= 1) this.#free.push({ cells, at });
    }
    return this.#free.pop() as CancelCell;
  }

  /** Takes a cell back that no thread looks at any more. */
  giveBack(cell: CancelCell): void {
    Atomics.store(cell.cells, cell.at, 0);
    this.#free.push(cell);
  }
}

export function cancel({ cells, at }: CancelCell): void {
  Atomics.store(cells, at, 1);
}

export function isCancelled({ cells, at }: CancelCell): boolean {
  return Atomics.load(cells, at) !== 0;
}
