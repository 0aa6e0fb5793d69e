import { FedloomError } from '@fedloom/engine';
import type { Reason } from '../schedule/types.js';

/** What clients and records are told of an error; one that is none of ours is `server.failed`. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof FedloomError) return { code: error.code, message: error.message };
  return { code: 'server.failed', message: error instanceof Error ? error.message : String(error) };
}
