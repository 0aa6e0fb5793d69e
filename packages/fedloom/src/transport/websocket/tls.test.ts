/** TLS over real sockets, with an authority of `fedloom certs`. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CertificatePair, issueCertificate, makeAuthority, makeRevocationList } from '../../cli/certs/issue.js';
import { describeSuite } from '../../conformance/testing/describe-suite.js';
import { transportSuite } from '../../conformance/transport-suite.js';
import type { Connection } from '../../protocol/transport.js';
import { dialWebSocket } from './dial.js';
import { listenWebSocket } from './listen.js';
import { tlsFiles, webSocketListen } from './on-demand.js';
import type { WebSocketListenOptions } from './options.js';
import { tlsBinding } from './tls.js';
import type { TlsFilePaths } from './tls-files.js';

const ours = await makeAuthority('ours', 2);
const theirs = await makeAuthority('theirs', 2);
const server = await issueCertificate(ours, { name: 'server', hosts: ['localhost', '127.0.0.1'], days: 1 });
const ca = ours.certificate;

describeSuite(
  'transport websocket over TLS',
  transportSuite(() => ({
    listen: (onConnection) => listenWebSocket({ tls: server }, onConnection),
    dial: (url, options) => dialWebSocket(url, { ...options, tls: { ca } }),
    nowhere: 'wss://127.0.0.1:9',
  })),
);

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function listening(options: WebSocketListenOptions): Promise<{ url: string; peers: string[] }> {
  const peers: string[] = [];
  const listener = await listenWebSocket(options, (connection) => {
    peers.push(connection.peer);
    connection.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
  });
  cleanUp.push(() => listener.close());
  return { url: listener.url, peers };
}

/** A server with a certificate that `listenWebSocket` itself would refuse to show. */
async function showing({ certificate, key }: CertificatePair): Promise<string> {
  const https = createHttpsServer({ cert: certificate, key });
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => https.close());
  return (await listening({ server: https })).url;
}

async function dialled(url: string, tls = { ca }): Promise<Connection> {
  const connection = await dialWebSocket(url, { tls });
  cleanUp.push(() => connection.close());
  connection.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
  return connection;
}

const refused = (reason: string, text: RegExp) =>
  expect.objectContaining({
    code: 'transport.connect',
    message: expect.stringMatching(text),
    fields: expect.objectContaining({ reason }),
  });

describe('a client does not talk to', () => {
  test('a server whose authority it does not know', async () => {
    const { url } = await listening({ tls: server });
    const mend =
      /^The certificate of wss:\S+ was not signed by an authority that this machine knows\. Give .*--tls-ca FILE/;
    await expect(dialWebSocket(url)).rejects.toEqual(refused('certificate', mend));
    const given = /was not signed by the authority that was given/;
    await expect(dialled(url, { ca: theirs.certificate })).rejects.toEqual(refused('certificate', given));
  });

  test('a server whose certificate is for other names', async () => {
    const other = await issueCertificate(ours, { name: 'other', hosts: ['fed.example', '10.0.0.7'], days: 1 });
    const { url } = await listening({ tls: other });
    const names =
      /is not for 127\.0\.0\.1, but for DNS:fed\.example, IP Address:10\.0\.0\.7\. .*certs issue NAME --host 127\.0\.0\.1/;
    await expect(dialled(url)).rejects.toEqual(refused('certificate', names));
  });

  test('a server whose certificate has expired', async () => {
    const url = await showing(await issueCertificate(ours, { name: 'old', hosts: ['127.0.0.1'], days: -0.01 }));
    await expect(dialled(url)).rejects.toEqual(
      refused('certificate', /has expired, by the clock of this machine\. Correct/),
    );
  });

  test('a client in the place of a server', async () => {
    const client = await issueCertificate(ours, { name: 'client', hosts: [], days: 1 });
    const { url } = await listening({ tls: client });
    await expect(dialled(url)).rejects.toEqual(refused('certificate', /^The certificate of \S+ is not/));
  });

  test('a server without TLS by wss, and with TLS by ws', async () => {
    const plain = await listening({});
    await expect(dialled(plain.url.replace('ws:', 'wss:'))).rejects.toEqual(refused('tls', /does not speak TLS/));
    const secure = await listening({ tls: server });
    const hint = /If the server speaks TLS, its address begins with wss:/;
    await expect(dialWebSocket(secure.url.replace('wss:', 'ws:'))).rejects.toEqual(refused('network', hint));
  });
});

describe('a server that asks for certificates of clients', () => {
  let mine: CertificatePair;
  beforeAll(async () => {
    mine = await issueCertificate(ours, { name: 'hospital-3', hosts: [], days: 1 });
  });

  test('lets in whom its authority knows, and tells the others why not', async () => {
    const { url, peers } = await listening({ tls: { ...server, clientCa: ca } });
    await expect(dialled(url)).rejects.toEqual(
      refused('rejected', /status 403: transport\.certificate: .* showed none/),
    );
    const stranger = await issueCertificate(theirs, { name: 'hospital-3', hosts: [], days: 1 });
    const strange = /transport\.certificate: .*not of an authority that this server trusts/;
    await expect(dialWebSocket(url, { tls: { ca, ...stranger } })).rejects.toEqual(refused('rejected', strange));
    const old = await issueCertificate(ours, { name: 'old', hosts: [], days: -0.01 });
    await expect(dialWebSocket(url, { tls: { ca, ...old } })).rejects.toMatchObject({ code: 'transport.tls' });
    expect(peers).toEqual([]);
    await dialled(url, { ca, ...mine });
    expect(peers).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
  });

  test('may listen beyond this machine', () => {
    const { certificate, key } = server;
    const open = { host: '0.0.0.0' };
    expect(() => webSocketListen({ ...open, tls: { certificate, key, clientCa: ca } })).not.toThrow();
    expect(() => webSocketListen({ ...open, tls: { certificate, key }, identified: true })).not.toThrow();
    expect(() => webSocketListen({ ...open, tls: { certificate, key } })).toThrow(
      /^The server would listen on 0\.0\.0\.0, which other machines can reach, without asking who a client is\. Give auth \(--token-file\) or tls\.clientCa/,
    );
    expect(() => webSocketListen(open)).toThrow(
      /without encryption and without asking who a client is\. Give tls \(--tls-cert/,
    );
  });
});

describe('files that change while a server listens', () => {
  let folder: string;
  let files: TlsFilePaths;
  const troubles: string[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fedloom-tls-'));
    const at = (name: string) => join(folder, name);
    files = { certificate: at('server.pem'), key: at('server.key'), clientCa: at('ca.pem'), crl: at('crl.pem') };
    await show(server);
    await writeFile(at('ca.pem'), ca);
    await revoke();
  });
  afterEach(() => rm(folder, { recursive: true }));

  const show = ({ certificate, key }: CertificatePair) =>
    Promise.all([writeFile(join(folder, 'server.pem'), certificate), writeFile(join(folder, 'server.key'), key)]);
  const revoke = async (...certificates: readonly string[]) => {
    const revocationDate = new Date();
    const entries = certificates.map((pem) => ({
      serialNumber: new X509Certificate(pem).serialNumber,
      revocationDate,
    }));
    await writeFile(join(folder, 'crl.pem'), await makeRevocationList(ours, entries));
  };
  const source = () => tlsFiles(files, { onTrouble: ({ message }) => troubles.push(message) });
  const client = (name: string) => issueCertificate(ours, { name, hosts: [], days: 1 });

  test('who connects then meets what they say then; what is of no use changes nothing, and is told', async () => {
    const [mine, { url }] = [await client('mine'), await listening({ tls: await source() })];
    const before = (await dialled(url, { ca, ...mine })).binding;
    await writeFile(files.certificate, 'hello');
    await vi.waitFor(() => expect(troubles).toEqual([expect.stringMatching(/is no certificate in PEM/)]), 5000);
    expect((await dialled(url, { ca, ...mine })).binding).toBe(before);
    const renewed = await issueCertificate(ours, { name: 'server', hosts: ['127.0.0.1'], days: 2 });
    await show(renewed);
    await vi.waitFor(async () => {
      const { binding } = await dialled(url, { ca, ...mine });
      expect(binding).toBe(tlsBinding(new X509Certificate(renewed.certificate)));
    }, 5000);
  });

  test('a certificate that is revoked lets nobody in, and ends the connections that are open by it', async () => {
    const [north, south] = [await client('north'), await client('south')];
    const tls = await source();
    const [{ url }, other] = [await listening({ tls }), await listening({ tls })];
    const closed: string[] = [];
    const names = ['north', 'south'];
    for (const [i, shown] of [north, south].entries()) {
      const connection = await dialWebSocket(url, { tls: { ca, ...shown } });
      cleanUp.push(() => connection.close());
      connection.bind({ frame: () => {}, drained: () => {}, closed: () => closed.push(names[i] ?? '') });
    }
    await revoke(south.certificate);
    await vi.waitFor(() => expect(closed).toEqual(['south']), 5000);
    const untrusted = refused('rejected', /transport\.certificate: the client's certificate was revoked\./);
    // Both listen with the same files.
    for (const at of [url, other.url]) await expect(dialled(at, { ca, ...south })).rejects.toEqual(untrusted);
    await dialled(url, { ca, ...north });
  });

  test('must be of use at first', async () => {
    await writeFile(join(folder, 'crl.pem'), 'hello');
    await expect(source()).rejects.toMatchObject({ code: 'transport.tls', fields: { option: 'crl' } });
    const none = tlsFiles({ ...files, key: join(folder, 'none') });
    await expect(none).rejects.toThrow(/^The file of tls\.key cannot be read: ENOENT/);
    await expect(listenWebSocket({ tls: { ...server, crl: 'x' } }, () => {})).rejects.toThrow(/give tls\.clientCa/);
  });
});

describe('files of no use are told before anybody listens or dials', () => {
  test.each<[string, Partial<CertificatePair> & { clientCa?: string }, RegExp]>([
    [
      'a certificate that is none',
      { certificate: 'hello' },
      /^tls\.certificate \(--tls-cert\) is no certificate in PEM/,
    ],
    ['a key that is none', { key: 'hello' }, /^tls\.key \(--tls-key\) is no private key in PEM/],
    ['the key of another', { key: ours.key }, /do not belong together/],
    ['an authority that is none', { clientCa: 'hello' }, /^tls\.clientCa \(--tls-client-ca\) is no certificate/],
  ])('%s', async (_, wrong, text) => {
    const listens = listenWebSocket({ tls: { ...server, ...wrong } }, () => {});
    await expect(listens).rejects.toMatchObject({ code: 'transport.tls', message: expect.stringMatching(text) });
  });

  test('of a client, too', async () => {
    const url = 'wss://127.0.0.1:9';
    const code = 'transport.tls';
    await expect(dialWebSocket(url, { tls: { ca: 'hello' } })).rejects.toMatchObject({
      code,
      fields: { option: 'ca' },
    });
    await expect(dialWebSocket(url, { tls: { key: server.key } })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^A key alone proves nothing/),
    });
  });

  test('an expired certificate and one beside a server of yours', async () => {
    const old = await issueCertificate(ours, { name: 'old', hosts: ['127.0.0.1'], days: -0.01 });
    await expect(listenWebSocket({ tls: old }, () => {})).rejects.toThrow(/has expired on .* Get a new one/);
    const own = createHttpsServer();
    expect(() => webSocketListen({ server: own, tls: server })).toThrow(/has its own TLS/);
  });
});

test('a proxy in front encrypts, and says where its clients are', async () => {
  const { url, peers } = await listening({ behindProxy: ['127.0.0.1'] });
  const { port } = new URL(url);
  const { request } = await import('node:http');
  const proxy = createHttpsServer({ cert: server.certificate, key: server.key });
  proxy.on('upgrade', (asked, socket, head) => {
    const headers = { ...asked.headers, 'x-forwarded-for': '198.51.100.1, 203.0.113.7' };
    const onward = request({ port, host: '127.0.0.1', path: asked.url, headers });
    onward.on('upgrade', (answer, upstream, first) => {
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
      upstream.unshift(first);
      socket.unshift(head);
      upstream.pipe(socket).pipe(upstream);
      for (const end of [upstream, socket]) end.on('error', () => {});
    });
    onward.end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => proxy.close());
  const address = proxy.address();
  await dialled(`wss://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
  expect(peers).toEqual(['203.0.113.7']);
  await dialWebSocket(url).then((direct) => direct.close());
  expect(peers[1]).toMatch(/^127\.0\.0\.1:\d+$/);
});

describe('through an HTTP proxy on the way out', () => {
  /** Does what CONNECT asks for whoever gives a user and a password, and notes where to. */
  async function proxied(): Promise<{ readonly host: string; readonly asked: string[] }> {
    const asked: string[] = [];
    const proxy = createHttpServer();
    proxy.on('connect', (request, near, head) => {
      near.on('error', () => {});
      if (request.headers['proxy-authorization'] !== `Basic ${btoa('user:secret')}`) {
        return near.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      }
      asked.push(request.url ?? '');
      const [host = '', port] = (request.url ?? '').split(':');
      const far = connectTcp(Number(port), host, () => {
        near.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        far.write(head);
        near.pipe(far).pipe(near);
      });
      far.on('error', () => near.destroy());
      near.on('close', () => far.destroy());
      return undefined;
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    cleanUp.push(() => proxy.close());
    const address = proxy.address();
    return { host: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, asked };
  }

  test('a client reaches servers with TLS and without, and checks their certificates', async () => {
    const { host, asked } = await proxied();
    const proxy = `http://user:secret@${host}`;
    const [plain, secure] = [await listening({}), await listening({ tls: server })];
    await dialWebSocket(plain.url, { proxy }).then((connection) => connection.close());
    const connection = await dialWebSocket(secure.url, { proxy, tls: { ca } });
    expect(connection.binding).toMatch(/^tls:[0-9a-f]{64}$/);
    connection.close();
    await expect(dialWebSocket(secure.url, { proxy })).rejects.toEqual(refused('certificate', /was not signed/));
    expect(asked).toEqual([plain.url, secure.url, secure.url].map((url) => new URL(url).host));
  });

  test('is told what is wrong, without the password', async () => {
    const { host } = await proxied();
    const { url } = await listening({});
    const asks = new RegExp(`^The proxy ${host} asks who this is: give http://USER:PASSWORD@`);
    await expect(dialWebSocket(url, { proxy: `http://${host}` })).rejects.toEqual(refused('rejected', asks));
    const gone = dialWebSocket(url, { proxy: 'http://user:secret@127.0.0.1:9' });
    await expect(gone).rejects.toEqual(refused('refused', /It was dialled through the proxy 127\.0\.0\.1:9\.$/));
    const wrong = dialWebSocket(url, { proxy: 'secret' });
    await expect(wrong).rejects.toThrow(/^proxy \(--proxy, FEDLOOM_PROXY\) must be the address of an HTTP proxy/);
  });
});
