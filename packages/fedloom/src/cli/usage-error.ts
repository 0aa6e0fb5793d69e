import { FedloomError } from '@fedloom/engine';

/** What someone typed cannot be meant: exit code 2. */
export function usageError(
  what: string,
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): FedloomError {
  return new FedloomError(`usage.${what}`, message, fields);
}

/** Also the library's own checks of what was typed. */
const USAGE_CODES = new Set([
  'run.options',
  'task.override',
  'ranges.syntax',
  'server.insecure',
  'call.syntax',
  'algorithm.unknown',
  'algorithm.option',
  'algorithm.fold',
  'fold.unknown',
  'fold.option',
  'fold.too-few',
  'fold.memory',
  'stage.unknown',
  'stage.option',
  'stage.order',
]);

export function isUsageError(error: unknown): boolean {
  return error instanceof FedloomError && (error.code.startsWith('usage.') || USAGE_CODES.has(error.code));
}
