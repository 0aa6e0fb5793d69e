import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { hostname, networkInterfaces, userInfo } from 'node:os';
import type { Host } from './hostfile/host.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Whether a host is the machine that this process runs on, as the user of this process. */
export async function isOwnMachine({ name, user }: Host): Promise<boolean> {
  if (user !== undefined && user !== userInfo().username) return false;
  const own = hostname().toLowerCase();
  const lower = name.toLowerCase();
  if (lower === 'localhost' || lower === own || lower === own.split('.')[0]) return true;
  const addresses = await addressesOf(name);
  return addresses.length > 0 && addresses.every(isOwnAddress);
}

/** Whether other machines mean themselves by this name. */
export function isLoopbackName(name: string): boolean {
  return name.toLowerCase() === 'localhost' || (isIP(name) !== 0 && isLoopback(name));
}

/** Empty where the system does not know the name: ssh may. */
async function addressesOf(name: string): Promise<string[]> {
  if (isIP(name) !== 0) return [name];
  const found = await lookup(name, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

function isOwnAddress(address: string): boolean {
  if (isLoopback(address)) return true;
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return own.some((one) => one.address === address);
}

function isLoopback(address: string): boolean {
  return loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
