import { Worker } from 'node:worker_threads';

/** Where a child finds the pipe whose other end its parent holds. */
export const LIFELINE_FD = 4;
/** For an orphan to leave in order, as it does when its main thread still turns. */
const LEAVE_MS = 1000;

/** Marks that a child's parent set along the lifeline: each is a number above 0, and takes the place that it leads to. */
export type LifelineMarks = Int32Array<SharedArrayBuffer>;

/** Runs on a thread of its own, since the main thread may be inside a user's endless loop. */
const WATCH = `
const { workerData: { fd, leaveMs, marks } } = require('node:worker_threads');
const { Socket } = require('node:net');
const end = () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), leaveMs);
let rest = Buffer.alloc(0);
const take = (bytes) => {
  rest = Buffer.concat([rest, bytes]);
  for (; marks !== undefined && rest.length >= 4; rest = rest.subarray(4)) {
    const mark = rest.readInt32LE();
    Atomics.store(marks, mark % marks.length, mark);
  }
};
new Socket({ fd, readable: true, writable: false }).once('close', end).on('error', () => {}).on('data', take);
`;

/**
 * Ends this process soon after its parent is gone, whatever the main thread does.
 * @param marks where to put the marks that the parent sends, which are seen at once for the same reason
 */
export function endWithParent(fd: number, marks?: LifelineMarks): void {
  new Worker(WATCH, { eval: true, workerData: { fd, leaveMs: LEAVE_MS, marks } }).on('error', () => {}).unref();
}

/** What a parent writes to the lifeline to set a mark. */
export function lifelineMark(mark: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, mark, true);
  return bytes;
}
