/** A worker thread of a `threadPool`. */

import { workerData } from 'node:worker_threads';
import type { ComputeDevice } from '@fedloom/engine/base';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { PlanWork } from '../workers/plan-work.js';
import { ownBuffers, type WorkMessage, type WorkReply } from '../workers/pool-worker.js';

const plans = new PlanWork(onnxRuntimeNode({ device: workerData as ComputeDevice }));

/** @param message.marks where the pool marks what it cancels; with the first message */
export default async function onThread(
  message: WorkMessage & { readonly marks?: Int32Array<SharedArrayBuffer> },
): Promise<unknown> {
  if (message.marks !== undefined) plans.watchMarks(message.marks);
  return transferring(await plans.work(message));
}

/** Moves the updates to the main thread instead of copying them. */
function transferring(value: WorkReply): unknown {
  const buffers = ownBuffers(value);
  return move({
    get [transferableSymbol]() {
      return buffers;
    },
    get [valueSymbol]() {
      return value;
    },
  } as unknown as ArrayBuffer);
}
