import type { KeyObject } from 'node:crypto';
import { FedloomError } from '@fedloom/engine';
import { publicKeyOf } from '../../protocol/node/key-proof.js';
import { isInvitedName } from './invitations.js';
import { type Line, linesOf } from './lines.js';

/** A client that the server knows by its key. A name may have had several keys; one is in use at most. */
export interface KnownClient {
  readonly name: string;
  /** The public half, in base64url. */
  readonly key: string;
  readonly publicKey: KeyObject;
  /** Since when the key is not in use any more, as it was written down. */
  readonly revoked?: string;
}

const SCHEME = 'ed25519:';
const FIELDS = ['name', 'revoked'];

/**
 * The lines of a file of known clients: `ed25519:KEY name=hospital-3`, and `revoked=2026-12-31T18:00:00Z` of a key that is in use no more.
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
export function knownClientLine({ name, key, revoked }: Omit<KnownClient, 'publicKey'>): string {
  return `${enrolmentText(key)} name=${name}${revoked === undefined ? '' : ` revoked=${revoked}`}`;
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

function parseLine({ word, fields }: Line, broken: (why: string) => FedloomError): KnownClient {
  const enrolled = parseEnrolment(word);
  if (enrolled === undefined) throw broken('it does not begin with a key, as `fedloom clients enrol` prints it');
  const unknown = [...fields.keys()].find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) throw broken(`${unknown} is neither name= nor revoked=`);
  const name = fields.get('name') ?? '';
  const revoked = fields.get('revoked');
  if (!isInvitedName(name)) throw broken('a key needs name=, one word of at most 64 characters');
  if (revoked !== undefined && Number.isNaN(Date.parse(revoked))) throw broken('revoked= is no time');
  return { ...enrolled, name, ...(revoked !== undefined && { revoked }) };
}
