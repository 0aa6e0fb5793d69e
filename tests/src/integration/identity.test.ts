/** Who a client is, over real sockets: proofs by tokens, and what somebody between can make of them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  acceptTokens,
  type Connection,
  createServer,
  type FederationServer,
  joinFederation,
  proveToken,
  webSocketDial,
  webSocketListen,
} from 'fedloom';
import { afterEach, expect, it } from 'vitest';
import { certificates } from '../mqtt/certificates.js';
import { logisticRegression } from './logistic-regression.js';
import { RawClient } from './raw-client.js';

const TOKEN = `0123456789ab.${'s'.repeat(43)}`;
const { 'ca.pem': ca, ...pems } = certificates();
/** Both are for 127.0.0.1, of one authority. */
const own = { certificate: pems['server.pem'], key: pems['server.key'] };
const anothers = { certificate: pems['client.pem'], key: pems['client.key'] };
const task = logisticRegression();
const SIZE = { clients: 2, clientsPerRound: 2, rounds: 2 };

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function serve(options: object, terms = 'name=north'): Promise<FederationServer> {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-identity-'));
  cleanUp.push(() => rm(folder, { recursive: true }));
  const file = join(folder, 'tokens');
  await writeFile(file, `${TOKEN} ${terms}\n`, { mode: 0o600 });
  const server = await createServer(task, { ...SIZE, auth: [acceptTokens(file)], ...options });
  server.result.catch(() => {});
  cleanUp.push(() => server.close());
  return server;
}

const clients = [{ from: 0, count: 2 }];

it('a client with the token takes part, and the server tells its name', async () => {
  const server = await serve({ tls: own });
  const peers: string[] = [];
  server.run.on('clientsJoined', ({ peer }) => peers.push(peer));
  await joinFederation(server.url, { clients, task, tls: { ca }, auth: [proveToken(TOKEN)] });
  await server.result;
  expect(peers).toEqual([expect.stringMatching(/^north at 127\.0\.0\.1:\d+$/)]);
});

it('who cannot prove it is refused, and told what to do', async () => {
  const server = await serve({});
  const refused = (text: RegExp) =>
    expect.objectContaining({ code: 'protocol.auth', message: expect.stringMatching(text) });
  await expect(joinFederation(server.url, { clients, task })).rejects.toEqual(
    refused(/asks for auth by 'token'; this client has 'none'\. A token is given by --token-file or FEDLOOM_TOKEN/),
  );
  const auth = [proveToken(TOKEN.replace('ss', 'xx'))];
  await expect(joinFederation(server.url, { clients, task, auth })).rejects.toEqual(
    refused(/^The server refused this client: The client's token is not one of this server/),
  );
});

it('who is invited for some clients is let in as no others', async () => {
  const server = await serve({}, 'name=north clients=1');
  const refused = joinFederation(server.url, { clients, task, auth: [proveToken(TOKEN)] });
  await expect(refused).rejects.toMatchObject({
    code: 'join.not-meant',
    message: expect.stringContaining('Client 0 of this run is not for north, who may be 1. Join with these.'),
  });
});

it('what was heard of one handshake is of no use in another', async () => {
  const server = await serve({});
  const auth = proveToken(TOKEN);
  const shake = async (proofFor?: string) => {
    const client = await RawClient.connect(server.url);
    client.send({ type: 'hello', versions: [2], software: 'raw', capabilities: [] });
    const { nonce } = await client.next('challenge');
    const proof = proofFor ?? auth.prove({ nonce: String(nonce) });
    client.send({ type: 'auth', method: 'token', proof });
    return { client, proof };
  };
  const { client, proof } = await shake();
  await client.next('welcome');
  const again = await shake(proof);
  expect(await again.client.closed).toMatch(/^protocol\.auth/);
});

it('somebody between with a certificate of the same authority cannot hand a proof on', async () => {
  const server = await serve({ tls: own });
  const onward = webSocketDial({ tls: { ca } });
  const https = createHttpsServer({ cert: anothers.certificate, key: anothers.key });
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => https.close());
  const between = await webSocketListen({ server: https })(async (near) => {
    const held: Uint8Array[] = [];
    let far: Connection | undefined;
    near.bind({
      frame: (frame) => (far === undefined ? held.push(frame) : far.send(frame)),
      drained: () => {},
      closed: () => far?.close(),
    });
    far = await onward(server.url);
    far.bind({ frame: (frame) => near.send(frame), drained: () => {}, closed: (reason) => near.close(reason) });
    for (const frame of held) far.send(frame);
  });
  await expect(
    joinFederation(between.url, { clients, task, tls: { ca }, auth: [proveToken(TOKEN)] }),
  ).rejects.toMatchObject({
    code: 'protocol.auth',
    message: expect.stringContaining("another certificate than this server's"),
  });
});
