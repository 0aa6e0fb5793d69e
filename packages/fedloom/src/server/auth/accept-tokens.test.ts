import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FedloomError } from '@fedloom/engine';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { proveToken } from '../../protocol/node/token-proof.js';
import { acceptTokens } from './accept-tokens.js';

const token = (id: string) => `${id.padStart(12, '0')}.${'s'.repeat(42)}${id.at(-1)}`;
const [named, twice, old] = [token('1'), token('2'), token('3')];
const context = { nonce: '6b3165d6322478fa7c6be06483b4a7dd', run: 'digits' };
const certificate = `tls:${'c'.repeat(64)}`;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-tokens-'));
  file = join(folder, 'tokens');
  await write(
    `# who may come\n${named} name=north\n\n${twice} uses=2 # the workshop\n${old} name=old expires=2020-01-01T00:00:00Z`,
  );
});
afterEach(() => rm(folder, { recursive: true }));

const write = (text: string) => writeFile(file, text, { mode: 0o600 });
const refusal = (text: RegExp) =>
  expect.objectContaining({ code: 'protocol.auth', message: expect.stringMatching(text) });

describe('who is let in', () => {
  test('whoever has a token of the file, by its name', () => {
    const auth = acceptTokens(file);
    const [one, two] = ['000000000001', '000000000002'];
    expect(auth.verify(proveToken(named).prove(context), context)).toEqual({ name: 'north', provedBy: one });
    expect(auth.verify(proveToken(twice).prove(context), context)).toEqual({ name: `token ${two}`, provedBy: two });
  });

  test('as the clients that its token is for', async () => {
    await write(`${named} name=north clients=3`);
    const clients = [{ from: 3, count: 1 }];
    const identity = acceptTokens(file).verify(proveToken(named).prove(context), context);
    expect(identity).toMatchObject({ name: 'north', clients });
  });

  test('nobody with a token that does not exist, has another secret, or has expired', () => {
    const auth = acceptTokens(file);
    const forged = `${named.split('.')[0]}.${'x'.repeat(43)}`;
    for (const text of [token('9'), forged]) {
      expect(() => auth.verify(proveToken(text).prove(context), context)).toThrow(refusal(/is not one of this server/));
    }
    expect(() => auth.verify(proveToken(old).prove(context), context)).toThrow(refusal(/has expired on 2020-01-01T00/));
    for (const text of [undefined, 'guess', named])
      expect(() => auth.verify(text, context)).toThrow(refusal(/four words/));
  });

  test('a page, whose browser does not tell which certificate it has checked, where this server encrypts', () => {
    const auth = acceptTokens(file);
    const proof = proveToken(named).prove({ ...context, binding: 'tls' });
    expect(auth.verify(proof, { ...context, binding: certificate })).toMatchObject({ name: 'north' });
    expect(() => auth.verify(proof, context)).toThrow(refusal(/the client sees encryption, and this server does not/));
  });

  test('nobody with a proof for another connection, another run or another server', () => {
    const auth = acceptTokens(file);
    const client = proveToken(named);
    const secure = { ...context, binding: certificate };
    const cases = [
      [client.prove({ ...context, nonce: '0'.repeat(32) }), context, /is not one of this server/],
      [client.prove({ ...context, run: 'letters' }), context, /is not one of this server/],
      [client.prove({ ...secure, binding: `tls:${'e'.repeat(64)}` }), secure, /another certificate than this server's/],
      [client.prove(context), secure, /something between takes it off/],
      [client.prove(secure), context, /and be named by --behind-proxy/],
    ] as const;
    for (const [proof, at, text] of cases) expect(() => auth.verify(proof, at)).toThrow(refusal(text));
    expect(auth.verify(client.prove(secure), secure)?.name).toBe('north');
    expect(auth.verify(client.prove(secure), { ...context, binding: 'proxied' })?.name).toBe('north');
  });
});

test('a token for two processes lets in two, as often as they come, also after the server has ended', async () => {
  const [one, two, three] = [proveToken(twice), proveToken(twice), proveToken(twice)];
  const auth = acceptTokens(file);
  for (const client of [one, two, one, two]) auth.verify(client.prove(context), context);
  const later = acceptTokens(file);
  expect(later.verify(one.prove(context), context)?.name).toBe('token 000000000002');
  for (const server of [auth, later]) {
    expect(() => server.verify(three.prove(context), context)).toThrow(refusal(/was for 2 uses, which are used up/));
  }
  expect(await readFile(`${file}.used`, 'utf8')).not.toContain('s'.repeat(42));
  expect((await stat(`${file}.used`)).mode & 0o777).toBe(0o600);
});

test('the file may change while the server runs; what cannot be read changes nothing', async () => {
  const told: FedloomError[] = [];
  const auth = acceptTokens(file, { onTrouble: (error) => told.push(error) });
  const enter = (text: string) => auth.verify(proveToken(text).prove(context), context);
  await write(`${named} name=north\n${token('7')} name=south`);
  expect(enter(token('7'))?.name).toBe('south');
  await write(`${token('7')} name=south, and who else`);
  expect(enter(named)?.name).toBe('north');
  expect(enter(named)?.name).toBe('north');
  await rm(file);
  expect(enter(named)?.name).toBe('north');
  expect(told.map(({ code }) => code)).toEqual(['auth.token-file', 'auth.file']);
  await write(`${token('7')} name=south`);
  expect(() => enter(named)).toThrow(refusal(/is not one of this server/));
});

test('a token that is removed holds no more, one that has expired does; who watches is told', async () => {
  const auth = acceptTokens(file);
  const identity = auth.verify(proveToken(named).prove(context), context);
  if (identity === undefined) throw new Error('nobody was asked');
  const told = new Promise<void>((resolve) => {
    const stop = auth.watch?.(() => {
      stop?.();
      resolve();
    });
  });
  await write(`${named} name=north expires=2020-01-01T00:00:00Z`);
  expect(auth.holds?.(identity)).toBe(true);
  await write(`${token('7')} name=south`);
  await told;
  expect(auth.holds?.(identity)).toBe(false);
});

test('a file of no use is told before anybody is let in, without what it holds', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['hello', /^Line 1 of .*tokens: it does not begin with a token/],
    [`${named} name=a\n${named} name=b`, /^Line 2 of .*stands in the file before/],
    [named, /needs name= or uses=/],
    [`${named} name=`, /one word of at most 64/],
    [`${named} uses=0`, /at least 1/],
    [`${named} uses=2 expires=soon`, /expires= is no time/],
    [`${named} name=a clients=all`, /clients= names indices/],
    [`${named} name=a role=admin`, /role is neither name=/],
  ];
  for (const [text, why] of cases) {
    await write(text);
    expect(() => acceptTokens(file), text).toThrow(expect.objectContaining({ message: expect.stringMatching(why) }));
    expect(() => acceptTokens(file)).not.toThrow('s'.repeat(42));
  }
  await write(`${named} name=north`);
  await chmod(file, 0o644);
  expect(() => acceptTokens(file)).toThrow(/everybody on this machine may read or change it.*chmod 600/);
  expect(() => acceptTokens(join(folder, 'none'))).toThrow(/A file with tokens or keys cannot be read: ENOENT/);
});
