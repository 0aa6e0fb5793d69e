import { FedloomError } from '@fedloom/engine';
import { DELAY_MS_MAX } from '../server/schedule/options.js';

/** Of addresses that a client takes. */
const schemes = ['ws', 'wss', 'mqtt', 'mqtts'];

/** FedML's names for the same things. */
const ALIASES: Readonly<Record<string, string>> = {
  '--client_num_in_total': '--clients',
  '--client_num_per_round': '--per-round',
  '--comm_round': '--rounds',
  '--frequency_of_the_test': '--evaluate-every',
};

/** May do without its value. */
const OPTIONAL_VALUE = '--processes';
/** CLIENTS, PER_ROUND and ROUNDS. */
const PLACES = 3;

/**
 * Arguments in the one form that the parser knows.
 * @throws FedloomError `usage.value` where a number may be meant as an option's value or for the place that it stands at
 */
export function normalizeArguments(args: readonly string[]): string[] {
  const normal: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    const [name = '', ...value] = arg.split('=');
    if (arg !== OPTIONAL_VALUE) {
      normal.push([ALIASES[name] ?? name, ...value].join('='));
      continue;
    }
    const numbers = numbersAt(args, at + 1);
    // As many as have places of their own: with or without one more for the option?
    if (numbers === PLACES) throw eitherWay(args.slice(at + 1, at + 1 + PLACES));
    normal.push(`${OPTIONAL_VALUE}=${numbers === 0 ? 'auto' : args[at + 1]}`);
    if (numbers > 0) at += 1;
  }
  return normal;
}

/** How many whole numbers follow one another. */
function numbersAt(args: readonly string[], from: number): number {
  let to = from;
  while (/^\d+$/.test(args[to] ?? '')) to += 1;
  return to - from;
}

function eitherWay(numbers: readonly string[]): FedloomError {
  const text = numbers.join(' ');
  const message =
    `"${OPTIONAL_VALUE} ${text}" can be read in two ways. Write ${OPTIONAL_VALUE}=P, or put ${OPTIONAL_VALUE} behind ` +
    'the numbers of clients and rounds.';
  return new FedloomError('usage.value', message, { name: OPTIONAL_VALUE, text });
}

/** Parses a whole number of an argument or option, which `name` names. */
export function wholeNumber(name: string, min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[+-]?\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new FedloomError('usage.value', `${name} must be a whole number ${range}, but is "${text}".`, { name, text });
  };
}

/** Seconds as milliseconds. */
export function seconds(name: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value > 0 && value <= 1e7) return value * 1000;
    throw new FedloomError('usage.value', `${name} must be a number of seconds above 0, but is "${text}".`, {
      name,
      text,
    });
  };
}

const BYTES_OF_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** Bytes, or so many of a larger unit: `2GiB`. */
export function byteCount(name: string): (text: string) => number {
  return (text) => {
    const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text) ?? [];
    const bytes = Math.floor(Number(number) * (BYTES_OF_UNITS[unit] ?? Number.NaN));
    if (bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
    const message = `${name} must be a size such as 500MB or 2GiB, but is "${text}".`;
    throw new FedloomError('usage.value', message, { name, text });
  };
}

/** Milliseconds, or none: not null, which the parser of the command line takes for an option without its value. */
export type Wait = number | 'none';

/** Seconds, from 0 or above it, as whole milliseconds that a timer can wait. */
export function secondsOrNone(name: string, from: 'zero' | 'above zero' = 'above zero'): (text: string) => Wait {
  return (text) => {
    if (text === 'none') return text;
    const ms = Math.round(Number(text) * 1000);
    if (text.trim() !== '' && ms >= (from === 'zero' ? 0 : 1) && ms <= DELAY_MS_MAX) return ms;
    const range = `${from === 'zero' ? 'from 0' : 'above 0'} to ${Math.floor(DELAY_MS_MAX / 1000)}`;
    throw new FedloomError('usage.value', `${name} must be a number of seconds ${range}, or none, but is "${text}".`, {
      name,
      text,
    });
  };
}

/** Several values of one option, between commas. */
export function commaSeparated(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** `HOST:PORT`, `[IPv6]:PORT` or `:PORT` for loopback. */
export function hostAndPort(text: string, name = '--listen'): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]/]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    const message = `${name} must be HOST:PORT, for instance 127.0.0.1:8080, but is "${text}".`;
    throw new FedloomError('usage.value', message, { text });
  }
  return { host: match[1] || match[2] || '127.0.0.1', port };
}

/** The address of a server: `ws://HOST:PORT`, or that of the broker where it is found: `mqtt://HOST:PORT/PREFIX`. */
export function serverUrl(text: string): string {
  const protocol = URL.canParse(text) ? new URL(text).protocol : '';
  if (schemes.some((scheme) => protocol === `${scheme}:`)) return text;
  const message = `--server must be an address such as ws://127.0.0.1:8080, wss://fed.example:8080 or mqtt://127.0.0.1:1883, but is "${text}".`;
  throw new FedloomError('usage.value', message, { text });
}

/** The address of a broker: `mqtt://HOST:PORT/PREFIX`. */
export function brokerUrl(text: string): string {
  if (URL.canParse(text) && /^mqtts?:$/.test(new URL(text).protocol)) return text;
  const message = `--broker must be an address such as mqtts://broker.example:8883/run-7, but is "${text}".`;
  throw new FedloomError('usage.value', message, { text });
}

/** `path=value` of `--set`, which may be given more than once. */
export function setting(text: string, before: readonly string[] = []): string[] {
  if (/^[^=\s]+=.+$/s.test(text)) return [...before, text];
  throw new FedloomError(
    'usage.value',
    `--set must be PATH=VALUE, for instance training.batchSize=10, but is "${text}".`,
    {
      text,
    },
  );
}

/** A number that can stand at a place on the command line or after an option, not both. */
export function oneOf(place: string, positional: number | undefined, option: string, value: number | undefined) {
  if (positional === undefined || value === undefined || positional === value) return positional ?? value;
  const message = `${place} is ${positional}, but ${option} is ${value}. Give one of them.`;
  throw new FedloomError('usage.twice', message, { positional, value });
}
