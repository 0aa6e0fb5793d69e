/** A worker process of a `processPool`: frames from its parent at `FRAMES_FD`, and what it cancels along the lifeline. */

import { Socket } from 'node:net';
import type { ComputeDevice } from '@fedloom/engine/base';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { freeBytes } from '../../core/byte-memory.js';
import { endWithParent, LIFELINE_FD } from '../../core/node/lifeline.js';
import { type ChildMessage, fromParent } from '../workers/child-messages.js';
import { PlanWork } from '../workers/plan-work.js';
import { MARKS, ownBuffers, type WorkReply } from '../workers/pool-worker.js';
import { encodeFrame, FrameReader } from './frames.js';
import { FRAMES_FD, writePieces } from './worker-pipe.js';

const marks = new Int32Array(new SharedArrayBuffer(4 * MARKS));
endWithParent(LIFELINE_FD, marks);
// Our parent has looked at it.
const device = process.argv[2] as ComputeDevice;
const plans = new PlanWork(onnxRuntimeNode({ device }));
plans.watchMarks(marks);
// Ctrl-C reaches every process of a terminal. Our parent ends this one when it needs it no more.
process.on('SIGINT', () => {});

const kept = new Map<number, unknown>();
const pipe = new Socket({ fd: FRAMES_FD });
const frames = new FrameReader((message) => {
  // Named at once: a later message may forget what this one uses.
  const read = fromParent(message as ChildMessage, kept);
  void plans.work(read).then(answer);
});
pipe.on('data', (piece) => frames.push(piece));
// Our parent is gone, and nobody wants what is at work.
pipe.on('close', () => process.kill(process.pid, 'SIGKILL'));
pipe.on('error', () => {});

function answer(reply: WorkReply): void {
  writePieces(pipe, encodeFrame(reply), () => {
    for (const buffer of ownBuffers(reply)) freeBytes(new Uint8Array(buffer));
  });
}
