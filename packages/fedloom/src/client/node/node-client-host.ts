import { sha256 } from '../../core/node/sha256.js';
import type { ClientHost } from '../client-host.js';
import { planClientHost } from '../plan-client-host.js';

/** The client core with what Node gives it: clock, hash, memory. */
export function nodeClientHost(options: Omit<Parameters<typeof planClientHost>[0], 'hash'>): ClientHost {
  return planClientHost({ hash: sha256, ...options });
}
