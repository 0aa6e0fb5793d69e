import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseProof } from '../proof.js';
import { publicKeyOf, sealHolds } from './client-key.js';
import { proveKey } from './key-proof.js';

const document = readFileSync(new URL('../../../../../PROTOCOL.md', import.meta.url), 'utf8');
const written = /^```text key\n(.*)\n```$/m.exec(document)?.[1];
const pem = `-----BEGIN PRIVATE KEY-----\n${/With the private key `([^`]*)`/.exec(document)?.[1]}\n-----END PRIVATE KEY-----\n`;
const context = { nonce: '6b3165d6322478fa7c6be06483b4a7dd', run: 'tiny' };

function holds(text: string | undefined, over: object = {}): boolean {
  const proof = parseProof('key', text);
  const key = publicKeyOf(proof.who);
  return key !== undefined && sealHolds(key, proof, { ...context, ...over });
}

test('the proof of the document holds, for what it was made and for nothing else', () => {
  expect(holds(written)).toBe(true);
  expect(holds(written, { nonce: '0'.repeat(32) })).toBe(false);
  expect(holds(written, { run: 'other' })).toBe(false);
  expect(holds(written?.replace(' plain ', ` tls:${'a'.repeat(64)} `))).toBe(false);
  expect(holds(written?.replace('00112233', '00112234'))).toBe(false);
  expect(holds(written?.replace(/ \S(?=\S+$)/, (first) => (first === ' C' ? ' D' : ' C')))).toBe(false);
});

test('a key makes proofs by the half that others know', () => {
  const proof = proveKey(pem).prove(context);
  expect(proof?.split(' ')[0]).toBe(written?.split(' ')[0]);
  expect(holds(proof)).toBe(true);
  const other = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  expect(
    holds(
      proveKey(other)
        .prove(context)
        ?.replace(/^\S+/, written?.split(' ')[0] ?? ''),
    ),
  ).toBe(false);
});

test('what is no such key is refused, and not repeated', () => {
  const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  for (const text of ['', 'secret', elliptic.export({ type: 'pkcs8', format: 'pem' }).toString()]) {
    expect(() => proveKey(text)).toThrow(expect.objectContaining({ code: 'auth.key' }));
  }
  expect(() => proveKey('secret')).not.toThrow('secret');
  for (const text of ['', 'x', `${'A'.repeat(42)}+`]) expect(publicKeyOf(text)).toBeUndefined();
});
