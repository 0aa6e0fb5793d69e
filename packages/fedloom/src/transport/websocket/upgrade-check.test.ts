import { expect, test } from 'vitest';
import { checkUpgrade, isLoopback } from './upgrade-check.js';

const loopback = { boundHost: '127.0.0.1' };
const everywhere = { boundHost: '0.0.0.0' };
const page = 'http://evil.example';

test.each([
  ['a program on loopback', { host: '127.0.0.1:80' }, loopback, undefined],
  ['a program by name on loopback', { host: 'localhost:8080' }, loopback, undefined],
  ['IPv6', { host: '[::1]:8080' }, { boundHost: '::1' }, undefined],
  ['a rebound name without origin', { host: 'evil.example' }, loopback, 'transport.host'],
  ['a rebound name with its own origin', { host: 'evil.example', origin: page }, loopback, 'transport.host'],
  ['a page elsewhere', { host: 'localhost', origin: page }, loopback, 'transport.origin'],
  ['a page elsewhere, server on all addresses', { host: '10.0.0.5:80', origin: page }, everywhere, 'transport.origin'],
  ['a rebound page, server on all addresses', { host: 'evil.example', origin: page }, everywhere, 'transport.host'],
  ['a sandboxed page', { host: 'localhost', origin: 'null' }, loopback, 'transport.origin'],
  ['a page of this server', { host: 'localhost:8080', origin: 'http://localhost:8080' }, loopback, undefined],
  ['a page of another port', { host: 'localhost:8080', origin: 'http://localhost:3000' }, loopback, 'transport.origin'],
  ['an allowed page', { host: 'localhost', origin: page }, { ...loopback, allowedOrigins: [page] }, undefined],
  ['a program by any name', { host: 'head-node:8080' }, everywhere, undefined],
  ['a name not allowed', { host: 'head-node' }, { ...everywhere, allowedHosts: ['fl.example'] }, 'transport.host'],
  ['an allowed name', { host: 'FL.example:1' }, { ...everywhere, allowedHosts: ['fl.example'] }, undefined],
  ['no host', {}, everywhere, 'transport.host'],
  ['a host that is no host', { host: 'a/b@c' }, everywhere, 'transport.host'],
])('%s', (_name, headers, rules, code) => {
  expect(checkUpgrade(headers, rules)?.code).toBe(code);
});

test.each(['127.0.0.1', '127.8.9.1', '::1', '[::1]', 'LOCALHOST'])('%s is loopback', (host) => {
  expect(isLoopback(host)).toBe(true);
});
test.each(['0.0.0.0', '127.evil.example', '10.0.0.1', 'localhost.evil.example'])('%s is not loopback', (host) => {
  expect(isLoopback(host)).toBe(false);
});
