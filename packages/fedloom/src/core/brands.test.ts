import { expect, test } from 'vitest';
import { type ClientIndex, clientIndex, type Hash, hashFrom, nextVersion, versionNumber } from './brands.js';

const HEX = '0123456789abcdef'.repeat(4);

test('are the plain values, and go wherever those go', () => {
  const client: number = clientIndex(3);
  const hash: string = hashFrom(`sha256:${HEX}`);
  expect([client, hash]).toEqual([3, `sha256:${HEX}`]);
  expect([clientIndex(0), clientIndex(2 ** 53 - 1)]).toEqual([0, 2 ** 53 - 1]);
});

test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
  '%d is no index of a client and no version',
  (value) => {
    expect(() => clientIndex(value)).toThrow(expect.objectContaining({ code: 'client.index', fields: { value } }));
    expect(() => versionNumber(value)).toThrow(expect.objectContaining({ code: 'version.number', fields: { value } }));
  },
);

test.each(['', HEX, `sha256:${HEX}0`, `sha256:${HEX.toUpperCase()}`, `sha256:${HEX}\n`])('%j is no hash', (text) => {
  expect(() => hashFrom(text)).toThrow(expect.objectContaining({ code: 'hash.syntax', fields: { text } }));
});

test('versions count from 0', () => {
  expect([nextVersion(), nextVersion(versionNumber(7))]).toEqual([0, 8]);
});

test('the compiler tells them from other numbers, and from each other', () => {
  const ask = (client: ClientIndex, task: number) => `${client} ${task}`;
  expect(ask(clientIndex(1), 2)).toBe('1 2');
  // @ts-expect-error: client and task have changed places
  ask(2, clientIndex(1));
  // @ts-expect-error: a version is no client
  ask(versionNumber(1), 2);
  // @ts-expect-error: what is computed is not known to be one
  ask(clientIndex(1) + 1, 2);
  // @ts-expect-error: not every text is a hash
  const hash: Hash = `sha256:${HEX}`;
  expect(hash).toBe(`sha256:${HEX}`);
});
