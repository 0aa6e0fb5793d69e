import { fchmodSync, openSync, writeSync } from 'node:fs';
import type { Outbound } from '../client/outbound.js';
import { storageError } from '../core/node/storage-error.js';

/**
 * A file of what leaves, a line of JSON each, which its owner alone may read. Goes on behind what is there.
 * @returns what writes a line; it is with the system when that returns
 * @throws FedloomError `store.*`, and so does what it returns
 */
export function openOutboundLog(path: string): (outbound: Outbound) => void {
  const written = (write: () => number): number => {
    try {
      return write();
    } catch (error) {
      throw storageError(error, 'write', path, '--outbound-log');
    }
  };
  const file = written(() => openSync(path, 'a', 0o600));
  written(() => {
    // A file that is there keeps its mode.
    fchmodSync(file, 0o600);
    return 0;
  });
  return ({ run, message, body }) => {
    const line = { at: new Date().toISOString(), ...(run !== undefined && { run }), ...message, ...(body && { body }) };
    let rest = Buffer.from(`${JSON.stringify(line)}\n`);
    while (rest.length > 0) rest = rest.subarray(written(() => writeSync(file, rest)));
  };
}
