import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { ThreadData, ThreadResult } from './thread.js';

const INPUT_BYTES_MAX = 8_192;
/** Of its heap; buffers are looked at after each input. */
const HEAP_MB_MAX = 1_024;
/** For one input. */
const READ_MS_MAX = 10_000;
/** Before the first input: modules are loaded. */
const START_MS_MAX = 120_000;

/** Fuzzes a target in a thread, and ends it where an input takes too long, or all memory. */
export async function runThread(name: string, seconds: number, seed: number): Promise<ThreadResult> {
  const now = new SharedArrayBuffer(8 + INPUT_BYTES_MAX);
  const marks = new Int32Array(now, 0, 2);
  const data: ThreadData = { name, seconds, seed, bytesMax: INPUT_BYTES_MAX, now };
  const worker = new Worker(new URL('thread.js', import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
  });
  const found = (error: string): ThreadResult => {
    const input = Uint8Array.from(new Uint8Array(now, 8, marks[1]));
    return { reads: marks[0] ?? 0, blocks: 0, reaching: [], bug: { input, error } };
  };
  let isOver = false;
  const result = new Promise<ThreadResult>((resolve) => {
    worker.once('message', resolve);
    // Thrown where nobody waits for it, or out of memory.
    worker.once('error', (error) => resolve(found(String(error.stack ?? error))));
    worker.once('exit', (code) => resolve(found(`the thread ended with ${code}`)));
  }).finally(() => {
    isOver = true;
  });
  const late = async (): Promise<ThreadResult> => {
    for (let last = -1; !isOver; ) {
      const read = Atomics.load(marks, 0);
      if (read === last) return found(`it took more than ${READ_MS_MAX} ms to read`);
      last = read;
      await sleep(read === 0 ? START_MS_MAX : READ_MS_MAX, undefined, { ref: false });
    }
    return result;
  };
  try {
    return await Promise.race([result, late()]);
  } finally {
    await worker.terminate();
  }
}
