import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { proveKey } from '../../protocol/node/key-proof.js';
import { acceptKeys } from './accept-keys.js';
import { parseKnownClients } from './known-clients.js';

const context = { nonce: '6b3165d6322478fa7c6be06483b4a7dd', run: 'digits' };

/** A client with a key of its own, as it is enrolled. */
function client() {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { x } = privateKey.export({ format: 'jwk' });
  return { line: `ed25519:${x}`, auth: proveKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()) };
}
const [north, south, stranger] = [client(), client(), client()];

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-keys-'));
  file = join(folder, 'known');
  await write(`${north.line} name=north # since May\n${south.line} name=south revoked=2026-01-02T03:04:05Z`);
});
afterEach(() => rm(folder, { recursive: true }));

const write = (text: string) => writeFile(file, text, { mode: 0o600 });
const refusal = (text: RegExp) =>
  expect.objectContaining({ code: 'protocol.auth', message: expect.stringMatching(text) });

describe('who is let in', () => {
  test('a client whose key is known, by its name', () => {
    const provedBy = north.line.replace('ed25519:', '');
    expect(acceptKeys(file).verify(north.auth.prove(context), context)).toEqual({ name: 'north', provedBy });
  });

  test('as the clients that it is meant to be', async () => {
    await write(`${north.line} name=north clients=0-4,7`);
    expect(acceptKeys(file).verify(north.auth.prove(context), context)).toMatchObject({
      name: 'north',
      clients: [
        { from: 0, count: 5 },
        { from: 7, count: 1 },
      ],
    });
  });

  test('nobody else, whose key was revoked, or whose proof is for something else', () => {
    const auth = acceptKeys(file);
    const verify = (proof: string | undefined, at: object = {}) => auth.verify(proof, { ...context, ...at });
    expect(() => verify(stranger.auth.prove(context))).toThrow(
      refusal(/ed25519:\S{43} is not known to this server\. .*approve/),
    );
    expect(() => verify(south.auth.prove(context))).toThrow(refusal(/of south was revoked on 2026-01-02T03:04:05Z/));
    const proof = north.auth.prove(context);
    expect(() => verify(proof, { nonce: '0'.repeat(32) })).toThrow(refusal(/of north did not make this proof/));
    expect(() => verify(proof, { run: 'letters' })).toThrow(refusal(/of north did not make this proof/));
    expect(() => verify(proof, { binding: `tls:${'c'.repeat(64)}` })).toThrow(
      refusal(/something between takes it off/),
    );
    const borrowed = stranger.auth.prove(context)?.replace(/^\S+/, proof?.split(' ')[0] ?? '');
    expect(() => verify(borrowed)).toThrow(refusal(/of north did not make this proof/));
    expect(() => verify(undefined)).toThrow(refusal(/four words/));
  });

  test('as the file says when somebody comes, and as long as it does', async () => {
    const auth = acceptKeys(file);
    const before = auth.verify(north.auth.prove(context), context);
    expect(before && auth.holds?.(before)).toBe(true);
    await write(`${north.line} name=north revoked=2026-01-02T03:04:05Z\n${stranger.line} name=north`);
    const after = auth.verify(stranger.auth.prove(context), context);
    expect([before, after].map((identity) => identity && auth.holds?.(identity))).toEqual([false, true]);
    expect(after?.name).toBe('north');
    expect(() => auth.verify(north.auth.prove(context), context)).toThrow(refusal(/was revoked/));
  });
});

test.each([
  ['hello', /^Line 1 of known: it does not begin with a key/],
  [`${north.line}`, /needs name=/],
  [`${north.line} name=a\n\n${north.line} name=b`, /^Line 3 of known: its key stands in the file before/],
  [`${north.line} name=a\n${south.line} name=a`, /^Line 2 of known: a has a key in use before/],
  [`${north.line} name=a revoked=yes`, /revoked= is no time/],
  [`${north.line} name=a role=admin`, /role is neither name=, clients= nor revoked=/],
  [`ed25519:${'A'.repeat(42)}! name=a`, /does not begin with a key/],
])('"%s" is refused', (text, why) => {
  expect(() => parseKnownClients(text, 'known')).toThrow(
    expect.objectContaining({ code: 'auth.clients-file', message: expect.stringMatching(why) }),
  );
});
