import { Worker } from 'node:worker_threads';

/** Where a child finds the pipe whose other end its parent holds, and never writes to. */
export const LIFELINE_FD = 4;
/** For an orphan to leave in order, as it does when its main thread still turns. */
const LEAVE_MS = 1000;

/** Runs on a thread of its own, since the main thread may be inside a user's endless loop. */
const WATCH = `
const { workerData: { fd, leaveMs } } = require('node:worker_threads');
const { Socket } = require('node:net');
const end = () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), leaveMs);
new Socket({ fd, readable: true, writable: false }).once('close', end).on('error', () => {}).resume();
`;

/** Ends this process soon after its parent is gone, whatever the main thread does. */
export function endWithParent(fd: number): void {
  new Worker(WATCH, { eval: true, workerData: { fd, leaveMs: LEAVE_MS } }).on('error', () => {}).unref();
}
