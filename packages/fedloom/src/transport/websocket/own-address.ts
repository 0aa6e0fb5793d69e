import { networkInterfaces } from 'node:os';

const LOOK_EVERY_MS = 2000;

/**
 * Tells when this machine has lost the address that a connection of its own has as its near end: it moved to another network, or
 * was cut off. The kernel would go on sending from that address for a quarter of an hour.
 *
 * @param ownAddresses what the machine has now, for tests
 * @returns ends the watch; it does not keep the process alive
 */
export function watchOwnAddress(
  address: string | undefined,
  lost: () => void,
  everyMs = LOOK_EVERY_MS,
  ownAddresses: () => readonly string[] = addressesNow,
): () => void {
  const own = plain(address ?? '');
  // Loopback is not listed whole; and what was not listed at first says nothing by its absence.
  if (own.startsWith('127.') || !ownAddresses().includes(own)) return () => {};
  const timer = setInterval(() => {
    if (ownAddresses().includes(own)) return;
    clearInterval(timer);
    lost();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

function addressesNow(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => plain(address)));
}

/** An IPv4 address without its cloak of IPv6, an IPv6 address without the name of its interface. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}
