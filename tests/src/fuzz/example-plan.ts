import { dense, sequential, sgd, softmaxCrossEntropy } from '@fedloom/engine';
import { arrays } from '../../../packages/fedloom/dist/data/arrays.js';
import { compileTask } from '../../../packages/fedloom/dist/task/compile-task.js';
import { defineTask } from '../../../packages/fedloom/dist/task/define-task.js';

const SPEC = { x: { dtype: 'float32', shape: [2] }, y: { dtype: 'int32', shape: [], classes: 2 } } as const;
/** Magic, version and the lengths of the five parts. */
const HEADER_BYTES = 28;
const LENGTH_AT = 8;

let plan: Uint8Array | undefined;

/** The plan of logistic regression, as small as plans are. */
export function examplePlan(): Uint8Array {
  plan ??= compiled();
  return plan;
}

function compiled(): Uint8Array {
  const task = defineTask({
    name: 'fuzzed',
    data: arrays({ train: { x: [[1, 2]], y: [0] }, classes: 2 }),
    model: sequential([dense(2)]),
    loss: softmaxCrossEntropy(),
    training: { localEpochs: 1, batchSize: 1, optimizer: sgd({ learningRate: 0.1 }) },
  });
  return compileTask(task, SPEC).bytes;
}

/** The manifest's JSON. */
export function manifestOf(bytes: Uint8Array): Uint8Array {
  return bytes.slice(HEADER_BYTES, HEADER_BYTES + manifestBytes(bytes));
}

/** The same plan with another manifest. */
export function withManifest(bytes: Uint8Array, manifest: Uint8Array): Uint8Array {
  const rest = bytes.subarray(HEADER_BYTES + manifestBytes(bytes));
  const changed = new Uint8Array(HEADER_BYTES + manifest.length + rest.length);
  changed.set(bytes.subarray(0, HEADER_BYTES));
  changed.set(manifest, HEADER_BYTES);
  changed.set(rest, HEADER_BYTES + manifest.length);
  new DataView(changed.buffer).setUint32(LENGTH_AT, manifest.length, true);
  return changed;
}

function manifestBytes({ buffer, byteOffset }: Uint8Array): number {
  return new DataView(buffer, byteOffset).getUint32(LENGTH_AT, true);
}
