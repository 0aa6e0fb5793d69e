import { FedloomError } from '@fedloom/engine';
import type { ServerAuth } from '../../protocol/handshake.js';
import { KEY, sealHolds } from '../../protocol/node/client-key.js';
import { checkBinding, parseProof } from '../../protocol/proof.js';
import type { AcceptOptions } from './accept-tokens.js';
import { parseKnownClients } from './known-clients.js';
import { WatchedFile } from './watched-file.js';

/**
 * Lets in clients that prove by their key that they are one of those in a file, in `auth` of a server. The file may change meanwhile: what it says
 * holds for whoever comes from then on, and who is in by a key that was revoked or removed is closed upon within a second or two.
 * @param file a client a line, as `fedloom clients approve` writes it
 * @throws FedloomError `auth.file`, `auth.open-file`, `auth.clients-file`
 */
export function acceptKeys(file: string, { onTrouble = () => {} }: AcceptOptions = {}): ServerAuth {
  const known = new WatchedFile(file, parseKnownClients, onTrouble);
  return {
    name: KEY,
    verify: (text, context) => {
      const proof = parseProof(KEY, text);
      checkBinding(KEY, proof, context);
      const client = known.value.find(({ key }) => key === proof.who);
      if (client === undefined) throw refused(`ed25519:${proof.who} is not known to this server`, 'approve');
      if (!sealHolds(client.publicKey, proof, context)) throw refused(`of ${client.name} did not make this proof`);
      if (client.revoked !== undefined) throw refused(`of ${client.name} was revoked on ${client.revoked}`, 'rotate');
      const { name, clients, key } = client;
      return { name, ...(clients && { clients }), provedBy: key };
    },
    holds: ({ provedBy }) => known.value.some(({ key, revoked }) => key === provedBy && revoked === undefined),
    watch: (changed) => known.watch(changed),
  };
}

function refused(why: string, mend?: 'approve' | 'rotate'): FedloomError {
  const message = `The client's key ${why}.${mend === undefined ? '' : ` Ask whoever runs the server for it (fedloom clients ${mend}).`}`;
  return new FedloomError('protocol.auth', message, { method: KEY });
}
