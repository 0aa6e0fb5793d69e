import type { KeyObject } from 'node:crypto';
import { FedloomError } from '@fedloom/engine';
import { formatRanges, type IndexRange } from '../../core/index-ranges.js';
import { publicKeyOf } from '../../protocol/node/client-key.js';
import { isInvitedName } from './invitations.js';
import { clientsOf, type Line, linesOf } from './lines.js';

/** A client that the server knows by its key. A name may have had several keys; one is in use at most. */
export interface KnownClient {
  readonly name: string;
  /** The public half, in base64url. */
  readonly key: string;
  readonly publicKey: KeyObject;
  /** Which clients of a run it may be. Default: any. */
  readonly clients?: readonly IndexRange[];
  /** Since when the key is not in use any more, as it was written down. */
  readonly revoked?: string;
}

const SCHEME = 'ed25519:';
const FIELDS = ['name', 'clients', 'revoked'];

/**
 * The lines of a file of known clients: `ed25519:KEY name=hospital-3 clients=0-4`, and `revoked=2026-12-31T18:00:00Z` of a key that is in use no more.
 * @throws FedloomError `auth.clients-file` with the line, from 1
 */
export function parseKnownClients(text: string, file: string): readonly KnownClient[] {
  const known: KnownClient[] = [];
  for (const line of linesOf(text)) {
    const broken = (why: string) =>
      new FedloomError('auth.clients-file', `Line ${line.number} of ${file}: ${why}.`, { file, line: line.number });
    const client = parseLine(line, broken);
    if (known.some(({ key }) => key === client.key)) throw broken('its key stands in the file before');
    if (client.revoked === undefined && inUse(known, client.name)) {
      throw broken(`${client.name} has a key in use before: a name has one, see fedloom clients rotate`);
    }
    known.push(client);
  }
  return known;
}

/** The client of that name, if its key is in use. */
export function inUse(known: readonly KnownClient[], name: string): KnownClient | undefined {
  return known.find((one) => one.name === name && one.revoked === undefined);
}

/** As a line of a file of known clients. */
export function knownClientLine({ name, key, clients, revoked }: Omit<KnownClient, 'publicKey'>): string {
  const fields = [
    ...(clients === undefined ? [] : [`clients=${formatRanges(clients)}`]),
    ...(revoked === undefined ? [] : [`revoked=${revoked}`]),
  ];
  return [enrolmentText(key), `name=${name}`, ...fields].join(' ');
}

/** What a client hands its server. */
export function enrolmentText(key: string): string {
  return `${SCHEME}${key}`;
}

/** @returns the key in base64url and as it is used; undefined for a text that is none */
export function parseEnrolment(text: string): Pick<KnownClient, 'key' | 'publicKey'> | undefined {
  const key = text.startsWith(SCHEME) ? text.slice(SCHEME.length) : '';
  const publicKey = publicKeyOf(key);
  return publicKey === undefined ? undefined : { key, publicKey };
}

function parseLine(line: Line, broken: (why: string) => FedloomError): KnownClient {
  const { word, fields } = line;
  const enrolled = parseEnrolment(word);
  if (enrolled === undefined) throw broken('it does not begin with a key, as `fedloom clients enrol` prints it');
  const unknown = [...fields.keys()].find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) throw broken(`${unknown} is neither name=, clients= nor revoked=`);
  const name = fields.get('name') ?? '';
  const revoked = fields.get('revoked');
  const clients = clientsOf(line, broken);
  if (!isInvitedName(name)) throw broken('a key needs name=, one word of at most 64 characters');
  if (revoked !== undefined && Number.isNaN(Date.parse(revoked))) throw broken('revoked= is no time');
  return { ...enrolled, name, ...(clients !== undefined && { clients }), ...(revoked !== undefined && { revoked }) };
}
