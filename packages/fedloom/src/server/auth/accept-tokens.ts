import { timingSafeEqual } from 'node:crypto';
import { statSync } from 'node:fs';
import { FedloomError } from '@fedloom/engine';
import type { ServerAuth } from '../../protocol/handshake.js';
import { checkBinding, parseProof } from '../../protocol/node/proof.js';
import { readSecretFile } from '../../protocol/node/secret-file.js';
import { TOKEN, type Token, tokenSeal } from '../../protocol/node/token-proof.js';
import { type Invitation, parseInvitations } from './invitations.js';
import { TokenUses } from './token-uses.js';

/** A proof by a token that does not exist takes as long to be refused as another. */
const NOBODY: Token = { id: '', secret: '' };

export interface AcceptTokensOptions {
  /** The file was changed to something that cannot be read: what it said before holds on. Default: nobody is told. */
  readonly onTrouble?: (error: FedloomError) => void;
}

/**
 * Lets in clients that prove one of the tokens in a file, in `auth` of a server. The file may change meanwhile: what it says
 * holds for whoever comes from then on.
 * @param file a token a line, see `parseInvitations`; only its owner and group may read it
 * @throws FedloomError `auth.file`, `auth.open-file`, `auth.token-file`
 */
export function acceptTokens(file: string, { onTrouble = () => {} }: AcceptTokensOptions = {}): ServerAuth {
  const book = new TokenFile(file, onTrouble);
  const uses = new TokenUses(`${file}.used`);
  if (book.hasUses) uses.checkWritable();
  return {
    name: TOKEN,
    verify: (text, context) => {
      const proof = parseProof(TOKEN, text);
      checkBinding(TOKEN, proof, context);
      const invitation = book.find(proof.who);
      const expected = tokenSeal(invitation ?? NOBODY, proof, context);
      if (!sameText(expected, proof.seal) || invitation === undefined) throw refused('is not one of this server');
      const { id, name, expiresMs, uses: most } = invitation;
      if (expiresMs !== undefined && expiresMs <= Date.now()) {
        throw refused(`has expired on ${new Date(expiresMs).toISOString()}`);
      }
      if (most !== undefined && !uses.take(id, proof.nonce, most))
        throw refused(`was for ${most} uses, which are used up`);
      return name ?? `token ${id}`;
    },
  };
}

class TokenFile {
  #state: string;
  #invitations: ReadonlyMap<string, Invitation>;

  constructor(
    private readonly file: string,
    private readonly onTrouble: (error: FedloomError) => void,
  ) {
    const { text, state } = readSecretFile(file);
    this.#state = state;
    this.#invitations = parseInvitations(text, file);
  }

  get hasUses(): boolean {
    return [...this.#invitations.values()].some(({ uses }) => uses !== undefined);
  }

  find(id: string): Invitation | undefined {
    this.#readAgain();
    return this.#invitations.get(id);
  }

  #readAgain(): void {
    const found = statSync(this.file, { throwIfNoEntry: false });
    const state = found === undefined ? 'none' : `${found.mtimeMs} ${found.ino} ${found.size}`;
    if (state === this.#state) return;
    this.#state = state;
    try {
      this.#invitations = parseInvitations(readSecretFile(this.file).text, this.file);
    } catch (error) {
      if (!(error instanceof FedloomError)) throw error;
      this.onTrouble(error);
    }
  }
}

function sameText(expected: string, given: string): boolean {
  const [one, two] = [Buffer.from(expected), Buffer.from(given)];
  return one.length === two.length && timingSafeEqual(one, two);
}

function refused(why: string): FedloomError {
  const message = `The client's token ${why}. Ask whoever runs the server for another (fedloom clients token).`;
  return new FedloomError('protocol.auth', message, { method: TOKEN });
}
