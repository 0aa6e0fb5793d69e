import { FedloomError } from '@fedloom/engine/base';

declare const brand: unique symbol;

/**
 * The 0-based place of a client in its federation. A brand, as the others here: at run time the plain number, which no other
 * number passes for by accident. It is made where numbers come in: messages, ranges, records, samplers.
 */
export type ClientIndex = number & { readonly [brand]: 'client index' };

/** How many versions of a run's model were made before this one. */
export type VersionNumber = number & { readonly [brand]: 'version number' };

/** The SHA-256 of some bytes, as `sha256:` and 64 hexadecimal digits. */
export type Hash = string & { readonly [brand]: 'hash' };

/** @throws FedloomError `client.index` unless it is a whole number from 0 */
export function clientIndex(value: number): ClientIndex {
  if (isNatural(value)) return knownClient(value);
  throw new FedloomError('client.index', `A client's index is a whole number from 0, not ${value}.`, { value });
}

/** Of a number that is one for certain: counted, or read from an array of indices. */
export function knownClient(value: number): ClientIndex {
  return value as ClientIndex;
}

/** @throws FedloomError `version.number` unless it is a whole number from 0 */
export function versionNumber(value: number): VersionNumber {
  if (isNatural(value)) return value as VersionNumber;
  throw new FedloomError('version.number', `The number of a version is a whole number from 0, not ${value}.`, {
    value,
  });
}

/** The number of the version after this one; without one, of the first. */
export function nextVersion(before?: VersionNumber): VersionNumber {
  return (before === undefined ? 0 : before + 1) as VersionNumber;
}

/** @throws FedloomError `hash.syntax` unless it reads `sha256:` and 64 hexadecimal digits in lower case */
export function hashFrom(text: string): Hash {
  if (hashPattern.test(text)) return text as Hash;
  const message = `A hash reads sha256: and 64 hexadecimal digits in lower case, not ${JSON.stringify(text)}.`;
  throw new FedloomError('hash.syntax', message, { text });
}

export const hashPattern = /^sha256:[0-9a-f]{64}$/;

function isNatural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
