import { rangesFromIndices } from '../../core/index-ranges.js';
import { type PrivateFile, privatePath } from '../../launch/attendant.js';
import { invitationLine } from '../../server/auth/invitations.js';
import { newInvitation } from '../clients/make-token.js';

/** What a part is handed for itself, and the options that name it, as a shell reads them. */
export interface Handed {
  readonly files: readonly PrivateFile[];
  readonly options: string;
}

/** What is made for one run, so that nobody reads along and nobody else takes part. */
export interface LaunchSecrets {
  /** Whether the server has a certificate of them. */
  readonly tls: boolean;
  readonly server: Handed;
  /** Of each group of ranks that share a process, in their order. */
  readonly clients: readonly Handed[];
}

export interface SecretsRequest {
  /** Under which name or address clients find the server; absent: no certificates are made. */
  readonly host?: string;
  /** Whether clients are to prove by tokens who they are. */
  readonly tokens: boolean;
  /** The ranks of each process of clients. */
  readonly groups: readonly (readonly number[])[];
}

export const nothingHanded: Handed = { files: [], options: '' };
/** A run may take long, and a connection that broke is encrypted anew. */
const DAYS = 365;
/** All of a launch are one owner of indices: a resumed run may deal them otherwise. */
const NAME = 'launch';

/**
 * Makes an authority, the server's certificate, and a token for each process of clients, good for its own clients alone. The
 * authority's key is kept nowhere.
 */
export async function makeSecrets({ host, tokens, groups }: SecretsRequest): Promise<LaunchSecrets> {
  const tls = host === undefined ? { server: nothingHanded, client: nothingHanded } : await certificatesFor(host);
  const invitations = groups.map((ranks) =>
    newInvitation({ name: NAME, clients: rangesFromIndices(ranks.map((rank) => rank - 1)) }),
  );
  const tokensOf = (text: string): Handed =>
    tokens ? { files: [{ name: 'token', text }], options: `--token-file ${privatePath('token')}` } : nothingHanded;
  return {
    tls: host !== undefined,
    server: both(tls.server, tokensOf(invitations.map((one) => `${invitationLine(one)}\n`).join(''))),
    clients: invitations.map(({ id, secret }) => both(tls.client, tokensOf(`${id}.${secret}\n`))),
  };
}

async function certificatesFor(host: string): Promise<{ readonly server: Handed; readonly client: Handed }> {
  const { issueCertificate, makeAuthority } = await import('../certs/issue.js');
  const authority = await makeAuthority('fedloom launch', DAYS);
  const { certificate, key } = await issueCertificate(authority, { name: 'server', hosts: [host], days: DAYS });
  return {
    server: {
      files: [
        { name: 'server.pem', text: certificate },
        { name: 'server.key', text: key },
      ],
      options: `--tls-cert ${privatePath('server.pem')} --tls-key ${privatePath('server.key')}`,
    },
    client: {
      files: [{ name: 'ca.pem', text: authority.certificate }],
      options: `--tls-ca ${privatePath('ca.pem')}`,
    },
  };
}

function both(one: Handed, other: Handed): Handed {
  const options = [one.options, other.options].filter((text) => text !== '').join(' ');
  return { files: [...one.files, ...other.files], options };
}
