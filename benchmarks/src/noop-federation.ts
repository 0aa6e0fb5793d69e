import type { FederationInput, FederationOutput, Listening } from './children/federation.js';
import type { HostsInput } from './children/hosts.js';
import { askChild, startChild } from './spawned.js';

/**
 * Runs a federation that trains nothing in processes of its own.
 * @param ca of the authority that the server's certificate is from, if it encrypts
 */
export async function noopFederation(
  input: FederationInput,
  hostProcesses = 1,
  ca?: string,
): Promise<FederationOutput> {
  if (input.transport === 'memory') return askChild<FederationOutput>('federation', input);
  const server = startChild('federation', input);
  const { url } = await server.next<Listening>();
  const share = Math.ceil(input.clients / hostProcesses);
  const hosts = Array.from({ length: hostProcesses }, (_, place) => {
    const from = place * share;
    const count = Math.min(share, input.clients - from);
    return startChild('hosts', { url, ...(ca && { ca }), elements: input.elements, from, count } satisfies HostsInput);
  });
  const output = await server.next<FederationOutput>();
  await Promise.all([server, ...hosts].map((child) => child.ended));
  return output;
}
