import { publicKeyOf, sealHolds } from '../../../../packages/fedloom/dist/protocol/node/client-key.js';
import { parseProof } from '../../../../packages/fedloom/dist/protocol/proof.js';
import { invitationLine, parseInvitations } from '../../../../packages/fedloom/dist/server/auth/invitations.js';
import { knownClientLine, parseKnownClients } from '../../../../packages/fedloom/dist/server/auth/known-clients.js';
import { check, type Target, textOf, unlessRefused, utf8 } from '../target.js';

const SECRET = 'A'.repeat(43);
const NONCE = '00112233445566778899aabbccddeeff';
/** The public half of an Ed25519 key: test 1 of RFC 8032, section 7.1. */
const KEY = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex').toString(
  'base64url',
);

/** Files of tokens and of clients that are known by their keys, and the proofs of either. */
export const target: Target = {
  seeds: () =>
    [
      `0123456789ab.${SECRET} name=north uses=2 expires=2026-12-31T00:00:00Z clients=0-4,7 # north\n`,
      `ed25519:${KEY} name=north clients=0-4\ned25519:${KEY} name=south revoked=2026-01-01T00:00:00Z\n`,
      `0123456789ab ${NONCE} plain ${'c'.repeat(64)}`,
      `0123456789ab ${NONCE} tls ${'c'.repeat(64)}`,
      `${KEY} ${NONCE} tls:${'0'.repeat(64)} ${'A'.repeat(86)}`,
    ].map(utf8),
  run(input) {
    const text = textOf(input);
    const invitations = unlessRefused(/^auth\.token-file$/, () => parseInvitations(text, 'tokens'));
    for (const invitation of invitations?.values() ?? []) {
      const [again] = parseInvitations(invitationLine(invitation), 'tokens').values();
      check(JSON.stringify(again) === JSON.stringify(invitation), 'a token is written as another');
    }
    const known = unlessRefused(/^auth\.clients-file$/, () => parseKnownClients(text, 'clients'));
    for (const client of known ?? []) {
      const [again] = parseKnownClients(knownClientLine(client), 'clients');
      check(JSON.stringify(again) === JSON.stringify(client), 'a client is written as another');
    }
    const proof = unlessRefused(/^protocol\.auth$/, () => parseProof('key', text));
    const key = proof && publicKeyOf(proof.who);
    if (proof === undefined || key === undefined) return;
    check(!sealHolds(key, proof, { nonce: NONCE, run: 'fuzzed' }), 'a proof that nobody made holds');
  },
};
