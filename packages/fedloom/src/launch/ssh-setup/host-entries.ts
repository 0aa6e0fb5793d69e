import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { FedloomError } from '@fedloom/engine/base';
import type { Host } from '../hostfile/host.js';
import { isLoopbackName } from '../own-machine.js';

/**
 * Lines `address name` for hosts, as they stand in `/etc/hosts`; none for hosts that are addresses themselves.
 * @param given addresses by name, in place of what this system knows
 * @throws FedloomError `ssh-setup.address` for a name whose address nobody knows, or that only this machine could use
 */
export async function hostEntries(hosts: readonly Host[], given: ReadonlyMap<string, string>): Promise<string[]> {
  const entries = await Promise.all(
    hosts.map(async ({ name }) => {
      if (isIP(name) !== 0) return [];
      const address = given.get(name) ?? (await lookup(name).catch(() => undefined))?.address;
      if (address !== undefined && !isLoopbackName(address)) return [`${address} ${name}`];
      const why = address === undefined ? 'is not known here' : `is ${address} here, which means every machine itself`;
      const message = `The address of ${name} ${why}. Give it: --address ${name}=ADDRESS.`;
      throw new FedloomError('ssh-setup.address', message, { host: name });
    }),
  );
  return entries.flat();
}
