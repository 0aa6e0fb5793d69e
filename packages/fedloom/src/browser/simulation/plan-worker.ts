/** A worker of a page in which a federation is simulated: it has ONNX Runtime, trains and evaluates. */
import { type ChildMessage, fromParent } from '../../compute/workers/child-messages.js';
import { PlanWork } from '../../compute/workers/plan-work.js';
import { MARKS, ownBuffers } from '../../compute/workers/pool-worker.js';
import { loadRuntime, type RuntimeOptions } from '../load-runtime.js';
import { errorData } from '../page-messages.js';
import { Turns } from '../turns.js';
import type { FromPlanWorker, ToPlanWorker } from './plan-messages.js';

/** What is used of a dedicated worker's global scope. */
interface WorkerScope {
  onmessage: ((event: { readonly data: ToPlanWorker }) => void) | null;
  postMessage(message: FromPlanWorker, transfer?: readonly ArrayBuffer[]): void;
}

const scope = globalThis as unknown as WorkerScope;
const turns = new Turns();
const marks = new Int32Array(MARKS);
/** Copies of models and data sets that jobs name, by id. */
const kept = new Map<number, unknown>();
let plans: Promise<PlanWork> | undefined;

scope.onmessage = ({ data: message }) => {
  switch (message.type) {
    case 'start':
      plans = start(message.runtime);
      return;
    case 'work':
      return void work(message.message).catch((error: unknown) =>
        scope.postMessage({ type: 'failed', error: errorData(error) }),
      );
    case 'cancel':
      marks[message.mark % MARKS] = message.mark;
      return;
  }
};

async function start(runtime: RuntimeOptions): Promise<PlanWork> {
  const work = new PlanWork(turns.between(await loadRuntime(runtime)));
  work.watchMarks(marks);
  return work;
}

async function work(message: ChildMessage): Promise<void> {
  // Named at once: a later message may forget what this one uses.
  const read = fromParent(message, kept);
  const reply = await (await plans)?.work(read);
  if (reply === undefined) throw new Error('work came before the start');
  scope.postMessage({ type: 'done', reply }, ownBuffers(reply));
}
