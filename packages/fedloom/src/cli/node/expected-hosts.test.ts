import { expect, it } from 'vitest';
import { checkHosts, expectedHosts, expectedHostsText } from './expected-hosts.js';

const hosts = [
  { name: 'Head', ranks: [0, 2] },
  { name: 'fe80::1', ranks: [1, 3] },
];

it('travels as an argument', () => {
  const text = expectedHostsText([...hosts, { name: 'idle', ranks: [] }]);
  expect(text).toBe('Head=0,2/fe80%3A%3A1=1,3');
  expect(expectedHosts(text)).toEqual(hosts);
});

it('names the first rank that runs elsewhere', () => {
  expect(() => checkHosts(hosts, ['a', 'b', 'a', 'b'])).not.toThrow();
  expect(() => checkHosts(hosts, ['a', 'a', 'a', 'a'])).not.toThrow();
  expect(() => checkHosts(hosts, ['a', 'a', 'b', 'b'])).toThrow(
    'The host file puts ranks 0 and 2 on Head, but MPI runs them on a and b.',
  );
});
