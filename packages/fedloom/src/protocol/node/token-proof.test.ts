import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseProof } from '../proof.js';
import { parseToken, tokenSeal } from '../token.js';
import { hmacSha256, proveToken } from './token-proof.js';

const token = '0123456789ab.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE';
const context = { nonce: '6b3165d6322478fa7c6be06483b4a7dd', run: 'tiny' };

test('the proof of the document', () => {
  const document = readFileSync(new URL('../../../../../PROTOCOL.md', import.meta.url), 'utf8');
  const written = /^```text token\n(.*)\n```$/m.exec(document)?.[1];
  const { seal, ...proof } = parseProof('token', written);
  expect(proof).toEqual({ who: '0123456789ab', nonce: '00112233445566778899aabbccddeeff', binding: 'plain' });
  expect(tokenSeal(parseToken(token), proof, context, hmacSha256)).toBe(seal);
});

describe('a proof holds for nothing else', () => {
  const auth = proveToken(token);
  const sealOf = (over: object) => parseProof('token', auth.prove({ ...context, ...over })).seal;
  const seal = sealOf({});

  test('the same connection, run and encryption make the same', () => {
    expect(sealOf({})).toBe(seal);
  });

  test.each([
    ['another nonce of the server', { nonce: '0'.repeat(32) }],
    ['another run', { run: 'other' }],
    ['encryption', { binding: `tls:${'a'.repeat(64)}` }],
  ])('%s', (_, over) => {
    expect(sealOf(over)).not.toBe(seal);
  });

  test('another process', () => {
    expect(parseProof('token', proveToken(token).prove(context)).nonce).not.toBe(
      parseProof('token', auth.prove(context)).nonce,
    );
  });

  test('the token does not travel', () => {
    expect(auth.prove(context)).not.toContain(parseToken(token).secret);
  });
});

test.each(['', 'hello', '0123456789ab', `0123456789AB.${'a'.repeat(43)}`, `0123456789ab.${'a'.repeat(42)}`])(
  '"%s" is no token',
  (text) => {
    expect(() => proveToken(text)).toThrow(expect.objectContaining({ code: 'auth.token' }));
  },
);

test.each([
  undefined,
  '',
  'a b c',
  `a ${'0'.repeat(32)} plain`,
  `a ${'0'.repeat(32)} none x`,
  `a b c d e ${'0'.repeat(32)}`,
])('"%s" is no proof', (text) => {
  expect(() => parseProof('token', text)).toThrow(expect.objectContaining({ code: 'protocol.auth' }));
});

test('what is no token is not repeated: it may be one of something else', () => {
  expect(() => proveToken('ghp_secret')).not.toThrow('ghp_secret');
});
