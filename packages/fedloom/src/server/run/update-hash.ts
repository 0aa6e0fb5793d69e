import type { FederationOptions } from './federation-options.js';
import type { HeldUpdate } from './incoming.js';

/** Tells whoever wants to know the hash of an update that was folded. @returns undefined where nobody does */
export function tellUpdateHash(
  { updateHashes }: Pick<FederationOptions, 'updateHashes'>,
  round: number,
  { message, hash }: HeldUpdate,
): Promise<void> | undefined {
  const { client, task, attempt } = message;
  return hash?.then((found) => updateHashes?.told({ round, client, task, attempt, hash: found }));
}
