import { FedloomError } from '@fedloom/engine';
import { formatRanges, type IndexRange } from '../../core/index-ranges.js';
import { isPlainName } from '../../core/visible-text.js';
import { parseToken, type Token } from '../../protocol/token.js';
import { clientsOf, type Line, linesOf } from './lines.js';

/** A token and for whom it is. */
export interface Invitation extends Token {
  /** Who comes with it. */
  readonly name?: string;
  /** How many client processes may come with it. Default: any number. */
  readonly uses?: number;
  /** Which clients of a run it is for. Default: any. */
  readonly clients?: readonly IndexRange[];
  /** Until when, milliseconds of Unix time. Default: for ever. */
  readonly expiresMs?: number;
}

const NAME_LENGTH_MAX = 64;
const FIELDS = ['name', 'uses', 'expires', 'clients'];

/**
 * The lines of a token file: `TOKEN name=hospital-3 uses=10 expires=2026-12-31T00:00:00Z clients=0-4`, with a name, a number of uses or both; what follows `#`
 * is for people.
 * @throws FedloomError `auth.token-file` with the line, from 1
 */
export function parseInvitations(text: string, file: string): ReadonlyMap<string, Invitation> {
  const invitations = new Map<string, Invitation>();
  for (const line of linesOf(text)) {
    const broken = (why: string) =>
      new FedloomError('auth.token-file', `Line ${line.number} of ${file}: ${why}.`, { file, line: line.number });
    const invitation = parseLine(line, broken);
    if (invitations.has(invitation.id)) throw broken('its token stands in the file before');
    invitations.set(invitation.id, invitation);
  }
  return invitations;
}

/** As a line of a token file. */
export function invitationLine({ id, secret, name, uses, expiresMs, clients }: Invitation): string {
  const fields = [
    ...(name === undefined ? [] : [`name=${name}`]),
    ...(uses === undefined ? [] : [`uses=${uses}`]),
    ...(expiresMs === undefined ? [] : [`expires=${new Date(expiresMs).toISOString()}`]),
    ...(clients === undefined ? [] : [`clients=${formatRanges(clients)}`]),
  ];
  return [`${id}.${secret}`, ...fields].join(' ');
}

/** Whether it can stand in a token file, and reads as one word wherever it is shown. */
export function isInvitedName(name: string): boolean {
  return name.length > 0 && name.length <= NAME_LENGTH_MAX && isPlainName(name) && !/[\s#]/.test(name);
}

function parseLine(line: Line, broken: (why: string) => FedloomError): Invitation {
  const { word, fields } = line;
  let token: Token;
  try {
    token = parseToken(word);
  } catch {
    throw broken('it does not begin with a token, as `fedloom clients token` writes it');
  }
  const unknown = [...fields.keys()].find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) throw broken(`${unknown} is neither name=, uses=, expires= nor clients=`);
  const clients = clientsOf(line, broken);
  const [name, uses, expires] = FIELDS.map((field) => fields.get(field));
  if (name === undefined && uses === undefined) throw broken('a token needs name= or uses=');
  if (name !== undefined && !isInvitedName(name)) throw broken('name= is one word of at most 64 characters');
  if (uses !== undefined && !/^[1-9]\d{0,8}$/.test(uses)) throw broken('uses= is a whole number of at least 1');
  if (expires !== undefined && Number.isNaN(Date.parse(expires))) throw broken('expires= is no time');
  return {
    ...token,
    ...(name !== undefined && { name }),
    ...(uses !== undefined && { uses: Number(uses) }),
    ...(expires !== undefined && { expiresMs: Date.parse(expires) }),
    ...(clients !== undefined && { clients }),
  };
}
