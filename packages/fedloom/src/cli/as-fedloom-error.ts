import { FedloomError } from '@fedloom/engine';

/** Anything thrown, with a code; what has none is a bug. */
export function asFedloomError(error: unknown): FedloomError {
  if (error instanceof FedloomError) return error;
  return new FedloomError('bug', error instanceof Error ? error.message : String(error), {}, { cause: error });
}
