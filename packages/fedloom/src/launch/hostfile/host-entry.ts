import { isIPv6 } from 'node:net';
import { didYouMean } from '../../core/closest.js';
import type { Host } from './host.js';
import { expandNodeName, type Item, splitAtCommas } from './node-list.js';
import type { TextLine } from './text-line.js';

/** Names of one thing, as the versions of Open MPI have them. */
const KEYS: Readonly<Record<string, 'slots' | 'slotsMax' | 'user'>> = {
  slots: 'slots',
  count: 'slots',
  cpu: 'slots',
  cpus: 'slots',
  max_slots: 'slotsMax',
  'max-slots': 'slotsMax',
  slots_max: 'slotsMax',
  'slots-max': 'slotsMax',
  user: 'user',
  username: 'user',
  user_name: 'user',
  'user-name': 'user',
};

/** Letters, digits and what aliases have beside; never a dash in front, which ssh would take for an option. */
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}._-]*$/u;
const USER = /^[\p{L}\p{N}_][\p{L}\p{N}._\\$+-]*$/u;
const SLOTS_MAX = 1_000_000;

/** The hosts of a line such as `user@host slots=2 max_slots=4`, `host:2`, `tux[0-5,12]`; none, if it is empty. */
export function hostsOfLine(line: TextLine): Host[] {
  const written = line.text.replace(/#.*$/, '');
  const first = /^\s*(\S+)/d.exec(written);
  if (first === null) return [];
  const [, text = ''] = first;
  const settings = settingsAfter(line, written, first[0].length);
  const at = first.indices?.[1]?.[0] ?? 0;
  return splitAtCommas(line, text, at).flatMap((item) => hostsOfItem(line, item, settings));
}

interface Settings {
  readonly user?: string;
  readonly slots?: number;
  readonly slotsMax?: number;
}

/** `key=value`, with or without blanks around the sign. */
function settingsAfter(line: TextLine, text: string, from: number): Settings {
  const pattern = /\s+([^\s=]+)(?:\s*=\s*(\S*))?/dy;
  pattern.lastIndex = from;
  const settings: { user?: string; slots?: number; slotsMax?: number } = {};
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, key = '', value] = match;
    const keyAt = match.indices?.[1]?.[0] ?? 0;
    if (value === undefined) {
      throw line.error(keyAt, `"${key}" stands where slots=N could: one host a line.`);
    }
    const name = KEYS[key];
    if (name === undefined) {
      const advice = didYouMean(key, Object.keys(KEYS)) || ' Known are slots, max_slots and user.';
      throw line.error(keyAt, `unknown setting "${key}".${advice}`);
    }
    const valueAt = match.indices?.[2]?.[0] ?? keyAt;
    if (name === 'user') settings.user = userNamed(line, value, valueAt);
    else settings[name] = slotsIn(line, value, valueAt, key);
  }
  const { slots, slotsMax } = settings;
  if (slots !== undefined && slotsMax !== undefined && slots > slotsMax) {
    throw line.error(from, `${slots} slots are more than the ${slotsMax} that there are at most. Mend one of them.`);
  }
  return settings;
}

function hostsOfItem(line: TextLine, { text, at }: Item, settings: Settings): Host[] {
  if (text === '') throw line.error(at, 'a host is missing here: there is a comma too many.');
  const userEnd = text.lastIndexOf('@');
  const user = userEnd < 0 ? undefined : userNamed(line, text.slice(0, userEnd), at);
  if (user !== undefined && settings.user !== undefined && user !== settings.user) {
    throw line.error(at, `the user is ${user} here and ${settings.user} further on. Give one of them.`);
  }
  const { name, count } = nameAndCount(line, { text: text.slice(userEnd + 1), at: at + userEnd + 1 });
  if (count !== undefined && settings.slots !== undefined) {
    throw line.error(at, 'the number of processes stands behind a colon and in slots=. Give one of them.');
  }
  const common = { ...settings, ...(user !== undefined && { user }), ...(count !== undefined && { slots: count }) };
  return expandNodeName(line, name).map((one) => ({ name: checkedName(line, one, name.at), ...common }));
}

/** `host`, `host:2`, `[fe80::1]:2`, `fe80::1`. */
function nameAndCount(line: TextLine, { text, at }: Item): { readonly name: Item; readonly count?: number } {
  const bracketed = /^\[([0-9a-fA-F:.]*:[0-9a-fA-F:.%\w]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const [, address = '', number] = bracketed;
    const name = { text: address, at: at + 1 };
    return number === undefined ? { name } : { name, count: slotsIn(line, number, at + text.lastIndexOf(':') + 1) };
  }
  const colon = text.lastIndexOf(':');
  if (colon < 0 || isIPv6(text)) return { name: { text, at } };
  const count = slotsIn(line, text.slice(colon + 1), at + colon + 1);
  return { name: { text: text.slice(0, colon), at }, count };
}

function checkedName(line: TextLine, name: string, at: number): string {
  if (NAME.test(name) || isIPv6(name)) return name;
  throw line.error(at, `"${name}" is no name of a host: letters, digits, dots and dashes, or an address.`);
}

function userNamed(line: TextLine, name: string, at: number): string {
  if (USER.test(name)) return name;
  throw line.error(at, `"${name}" is no name of a user.`);
}

function slotsIn(line: TextLine, text: string, at: number, key?: string): number {
  const slots = Number(text);
  if (/^\d+$/.test(text) && slots >= 1 && slots <= SLOTS_MAX) return slots;
  const what = key === undefined ? 'how many processes the host takes' : key;
  throw line.error(at, `${what} must be a whole number of at least 1, but is "${text}".`);
}
