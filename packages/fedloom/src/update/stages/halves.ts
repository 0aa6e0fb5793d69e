import { FedloomError } from '@fedloom/engine/base';

/** Whose half runs, for messages. */
export interface HalfOwner {
  readonly stage: string;
  readonly client: number;
  readonly task: number;
}

/**
 * Runs one half of a stage and goes on with what it gives: at once if it is sync, else when it is there.
 * @throws FedloomError `stage.*` of the half as it is; whatever else it throws as the cause of `stage.failed`
 */
export function runHalf<T, R>(
  half: () => T | Promise<T>,
  next: (value: T) => R | Promise<R>,
  who: HalfOwner,
): R | Promise<R> {
  let value: T | Promise<T>;
  try {
    value = half();
  } catch (cause) {
    throw failure(cause, who);
  }
  if (!isPromise(value)) return next(value);
  return value.then(next, (cause: unknown) => {
    throw failure(cause, who);
  });
}

function failure(cause: unknown, { stage, client, task }: HalfOwner): FedloomError {
  // What a stage says in its own words, such as that a client did not clip, is told to that client by its code.
  if (cause instanceof FedloomError && cause.code.startsWith('stage.')) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `Stage "${stage}" failed on the update of client ${client} for task ${task + 1}: ${why}`;
  return new FedloomError('stage.failed', message, { stage, client, task }, { cause });
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return value instanceof Promise;
}
