import { inspect } from 'node:util';
import { FedloomError } from '@fedloom/engine';
import { codeFrame, columnOf, formatPosition, type SourcePosition, userFrame } from './source-position.js';

/**
 * An error of a user's own code with the place where it arose: file, line and column of the innermost frame that lies in a file
 * of the user's, or else what of the task was called. One that has its place already, or is fedloom's and arose in no file of
 * the user's, stays as it is.
 * @param what of the task was called, such as `data.load`
 */
export function located(error: unknown, what: string): unknown {
  if (error instanceof FedloomError && placeOf(error) !== undefined) return error;
  const frame = error instanceof Error ? userFrame(error.stack ?? '') : undefined;
  if (frame === undefined) return error instanceof FedloomError ? error : unplaced(error, what);
  const place = { ...frame, column: columnOf(frame) };
  const at = formatPosition(place);
  if (error instanceof FedloomError) return error.reworded(`${at}: ${error.message}`, { ...place });
  return new FedloomError('task.code', `${at}: ${textOf(error)}`, { ...place, what }, { cause: error });
}

/** The lines of a user's file around the place of an error, if it has one: empty, or a text that begins a new line. */
export function frameOf(error: FedloomError): string {
  // Those of loading have it in their text.
  const place = error.code === 'task.load' ? undefined : placeOf(error);
  if (place === undefined) return '';
  try {
    return `\n${codeFrame(place)}`;
  } catch {
    return '';
  }
}

function placeOf({ fields }: FedloomError): SourcePosition | undefined {
  const { file, line, column } = fields;
  const known = typeof file === 'string' && typeof line === 'number' && typeof column === 'number';
  return known ? { file, line, column } : undefined;
}

/** What the system says of a file, say, has no frame in a file of the user's. */
function unplaced(error: unknown, what: string): FedloomError {
  return new FedloomError('task.code', `The task's ${what} failed: ${textOf(error)}`, { what }, { cause: error });
}

function textOf(error: unknown): string {
  return error instanceof Error
    ? `${error.name}: ${error.message}`
    : `threw ${typeof error === 'string' ? error : inspect(error)}`;
}
