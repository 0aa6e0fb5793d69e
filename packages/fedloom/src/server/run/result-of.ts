import type { RunResult } from '../../core/records.js';
import type { Federation } from './federation.js';

/** The federation's result; when the signal aborts, that of the rounds so far. */
export async function resultOf(federation: Federation, signal: AbortSignal): Promise<RunResult> {
  const cancel = () => federation.cancel();
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel, { once: true });
  try {
    return await federation.result;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
