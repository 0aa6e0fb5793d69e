/** Fuzzes one target in a thread of its own, which can be ended while an input is read: see main.ts. */

import { parentPort, workerData } from 'node:worker_threads';
import { Dice } from '../faults/dice.js';
import { inputsOf } from './corpus.js';
import { Coverage } from './coverage.js';
import { fuzz } from './loop.js';
import { targetNamed } from './targets.js';

export interface ThreadData {
  readonly name: string;
  readonly seconds: number;
  readonly seed: number;
  readonly bytesMax: number;
  /** What is read now: its number and its length as int32, then its bytes. */
  readonly now: SharedArrayBuffer;
}

export interface ThreadResult {
  readonly reads: number;
  readonly blocks: number;
  readonly reaching: readonly Uint8Array[];
  readonly bug?: { readonly input: Uint8Array; readonly error: string };
}

const { name, seconds, seed, bytesMax, now } = workerData as ThreadData;
const marks = new Int32Array(now, 0, 2);
const bytes = new Uint8Array(now, 8);
const target = await targetNamed(name);
const given = [...(await target.seeds()), ...(await inputsOf(name)).map((input) => input.bytes)];
const coverage = new Coverage();
const { reaching, reads, bug } = await fuzz({
  target,
  coverage,
  dice: new Dice(seed, name),
  inputs: given,
  bytesMax,
  untilMs: performance.now() + seconds * 1000,
  onInput: (input) => {
    bytes.set(input.subarray(0, bytes.length));
    marks[1] = input.length;
    Atomics.add(marks, 0, 1);
  },
});
const error = bug?.error;
const result: ThreadResult = {
  reads,
  blocks: coverage.blocks,
  reaching,
  ...(bug !== undefined && {
    bug: { input: bug.input, error: error instanceof Error ? describe(error) : String(error) },
  }),
};
parentPort?.postMessage(result);

/** What inputs hold may stand in messages, many times. */
function describe({ stack, message, cause }: Error): string {
  const text = (error: { readonly stack?: string; readonly message: string }) =>
    `${error.message.slice(0, 600)}\n${(error.stack ?? '').split('\n    at ').slice(1, 8).join('\n    at ')}`;
  return `${text({ message, ...(stack !== undefined && { stack }) })}${cause instanceof Error ? `\n  because of ${text(cause)}` : ''}`;
}
