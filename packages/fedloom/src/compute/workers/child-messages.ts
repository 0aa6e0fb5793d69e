import type { Tensor } from '@fedloom/engine/base';
import type { Copies, KeptChanges } from './copies.js';
import type { EvaluateWork, TrainWork, WorkJob, WorkMessage, WorkReply } from './pool-worker.js';

/** A message on its way to a worker process: big things are named by the ids of their copies there. */
export type ChildMessage =
  | Exclude<WorkMessage, { readonly kind: 'jobs' }>
  | { readonly kind: 'jobs'; readonly kept: KeptChanges; readonly jobs: readonly ChildJob[] };

/** What a worker process answers, in the order of the messages. */
export type ChildReply = WorkReply;

type Named<J extends WorkJob> = Omit<J, 'model' | 'examples'> & {
  readonly model: number;
  readonly examples: { readonly x: number; readonly y: number; readonly rows?: Int32Array };
};
type ChildJob = Named<TrainWork> | Named<EvaluateWork>;

export function toChild(message: WorkMessage, copies: Copies): ChildMessage {
  if (message.kind !== 'jobs') return message;
  const named = (tensor: Tensor) => copies.idOf(tensor, tensor, tensor.data.byteLength);
  const jobs = message.jobs.map((job) => {
    const { x, y, rows } = job.examples;
    return {
      ...job,
      model: copies.idOf(job.modelHash, job.model, job.model.byteLength),
      examples: { x: named(x), y: named(y), ...(rows && { rows }) },
    };
  });
  return { kind: 'jobs', kept: copies.takeChanges(), jobs };
}

/** @param kept the copies of this process, by id */
export function fromParent(message: ChildMessage, kept: Map<number, unknown>): WorkMessage {
  if (message.kind !== 'jobs') return message;
  for (const id of message.kept.forgotten) kept.delete(id);
  for (const [id, value] of message.kept.added) kept.set(id, value);
  const jobs = message.jobs.map(({ model, examples: { x, y, rows }, ...job }) => ({
    ...job,
    model: kept.get(model) as Uint8Array,
    examples: { x: kept.get(x) as Tensor, y: kept.get(y) as Tensor, ...(rows && { rows }) },
  }));
  return { kind: 'jobs', jobs };
}
