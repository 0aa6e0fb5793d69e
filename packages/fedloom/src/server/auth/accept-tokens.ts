import { timingSafeEqual } from 'node:crypto';
import { FedloomError } from '@fedloom/engine';
import type { ServerAuth } from '../../protocol/handshake.js';
import { hmacSha256 } from '../../protocol/node/token-proof.js';
import { checkBinding, parseProof } from '../../protocol/proof.js';
import { TOKEN, type Token, tokenSeal } from '../../protocol/token.js';
import { type Invitation, parseInvitations } from './invitations.js';
import { TokenUses } from './token-uses.js';
import { WatchedFile } from './watched-file.js';

/** A proof by a token that does not exist takes as long to be refused as another. */
const NOBODY: Token = { id: '', secret: '' };

/** Of `acceptTokens` and `acceptKeys`. */
export interface AcceptOptions {
  /** The file was changed to something that cannot be read: what it said before holds on. Default: nobody is told. */
  readonly onTrouble?: (error: FedloomError) => void;
}

/**
 * Lets in clients that prove one of the tokens in a file, in `auth` of a server. The file may change meanwhile: what it says
 * holds for whoever comes from then on, and who is in by a token that stands there no more is closed upon within a second or two. One
 * that expires lets nobody in any more, and ends nothing.
 * @param file a token a line, see `parseInvitations`; only its owner and group may read it
 * @throws FedloomError `auth.file`, `auth.open-file`, `auth.token-file`
 */
export function acceptTokens(file: string, { onTrouble = () => {} }: AcceptOptions = {}): ServerAuth {
  const book = new WatchedFile(file, parseInvitations, onTrouble);
  const uses = new TokenUses(`${file}.used`);
  if (hasUses(book.value)) uses.checkWritable();
  return {
    name: TOKEN,
    verify: (text, context) => {
      const proof = parseProof(TOKEN, text);
      checkBinding(TOKEN, proof, context);
      const invitation = book.value.get(proof.who);
      const expected = tokenSeal(invitation ?? NOBODY, proof, context, hmacSha256);
      if (!sameText(expected, proof.seal) || invitation === undefined) throw refused('is not one of this server');
      const { id, name, expiresMs, uses: most, clients } = invitation;
      if (expiresMs !== undefined && expiresMs <= Date.now()) {
        throw refused(`has expired on ${new Date(expiresMs).toISOString()}`);
      }
      if (most !== undefined && !uses.take(id, proof.nonce, most))
        throw refused(`was for ${most} uses, which are used up`);
      return { name: name ?? `token ${id}`, ...(clients && { clients }), provedBy: id };
    },
    holds: ({ provedBy = '' }) => book.value.has(provedBy),
    watch: (changed) => book.watch(changed),
  };
}

function hasUses(invitations: ReadonlyMap<string, Invitation>): boolean {
  return [...invitations.values()].some(({ uses }) => uses !== undefined);
}

function sameText(expected: string, given: string): boolean {
  const [one, two] = [Buffer.from(expected), Buffer.from(given)];
  return one.length === two.length && timingSafeEqual(one, two);
}

function refused(why: string): FedloomError {
  const message = `The client's token ${why}. Ask whoever runs the server for another (fedloom clients token).`;
  return new FedloomError('protocol.auth', message, { method: TOKEN });
}
