import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Recorder } from '../../conformance/recorder.js';
import { describeSuite } from '../../conformance/testing/describe-suite.js';
import { transportSuite } from '../../conformance/transport-suite.js';
import { freeBytes } from '../../core/byte-memory.js';
import { decodeFrame } from '../../protocol/codec.js';
import { wireLimits } from '../../protocol/limits.js';
import { pairOf, TestEnd } from '../../protocol/testing/channel-pair.js';
import { examples, pattern, update } from '../../protocol/testing/messages.js';
import type { Connection, Listener } from '../../protocol/transport.js';
import { dialWebSocket } from './dial.js';
import { type BrowserWebSocket, browserDial } from './dial-browser.js';
import { listenWebSocket } from './listen.js';
import { webSocketDial, webSocketListen } from './on-demand.js';
import type { WebSocketListenOptions } from './options.js';

const nowhere = 'ws://127.0.0.1:9';
const listen = (onConnection: (connection: Connection) => void): Promise<Listener> => listenWebSocket({}, onConnection);
describeSuite(
  'transport websocket',
  transportSuite(() => ({ listen, dial: dialWebSocket, nowhere })),
);
// The `ws` package's client has the browser's interface as well.
const browserClass = WebSocket as unknown as new (url: string) => BrowserWebSocket;
describeSuite(
  'transport websocket from a browser',
  transportSuite(() => ({ listen, dial: browserDial(browserClass), nowhere })),
);

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function listening(
  options: WebSocketListenOptions = {},
): Promise<{ listener: Listener; readonly port: number; accepted: Promise<Connection> }> {
  let accept!: (connection: Connection) => void;
  const accepted = new Promise<Connection>((resolve) => {
    accept = resolve;
  });
  const listener = await listenWebSocket(options, accept);
  cleanUp.push(() => listener.close());
  return {
    listener,
    get port() {
      return Number(new URL(listener.url).port);
    },
    accepted,
  };
}

/** Speaks HTTP and WebSocket bytes by hand. */
async function rawUpgrade(
  port: number,
  headers: Record<string, string> = {},
): Promise<{ socket: Socket; status: string }> {
  const socket = connectTcp(port, '127.0.0.1');
  cleanUp.push(() => socket.destroy());
  socket.on('error', () => {});
  const fields = {
    Host: `127.0.0.1:${port}`,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`);
  const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
  return { socket, status: answer.toString('latin1').split(' ')[1]! };
}

describe('who may connect', () => {
  test('a page of another origin and a rebound name are refused, a program and an allowed page are not', async () => {
    const { port } = await listening({ allowedOrigins: ['https://lab.example'] });
    expect((await rawUpgrade(port, { Origin: 'https://evil.example' })).status).toBe('403');
    expect(
      (await rawUpgrade(port, { Origin: `http://evil.example:${port}`, Host: `evil.example:${port}` })).status,
    ).toBe('403');
    expect((await rawUpgrade(port, { Origin: 'https://lab.example' })).status).toBe('101');
    expect((await rawUpgrade(port)).status).toBe('101');
  });

  test('the refusal reaches the dialler with its code', async () => {
    const { listener } = await listening({ connectionsMax: 0 });
    await expect(dialWebSocket(listener.url)).rejects.toMatchObject({
      code: 'transport.connect',
      message: expect.stringContaining('transport.full'),
      fields: { reason: 'rejected', status: 503 },
    });
  });

  test('memory that is given back leaves alone what came behind it in one piece', async () => {
    const { port, accepted } = await listening();
    const { socket } = await rawUpgrade(port);
    const frames: number[] = [];
    const come = new Promise<void>((resolve) => {
      void accepted.then((connection) =>
        connection.bind({
          frame: (frame) => {
            frames.push(frame.length);
            freeBytes(frame);
            if (frames.length === 2) resolve();
          },
          drained: () => {},
          closed: () => resolve(),
        }),
      );
    });
    // Binary, masked with zeros, of 40,000 bytes; then one of 3 bytes, whose first byte comes with it.
    const head = [0x82, 0xfe, 40_000 >> 8, 40_000 & 255, 0, 0, 0, 0];
    socket.write(Buffer.concat([Buffer.from(head), Buffer.alloc(40_000), Buffer.of(0x82)]));
    await new Promise((resolve) => setTimeout(resolve, 200));
    socket.write(Buffer.of(0x83, 0, 0, 0, 0, 1, 2, 3));
    await come;
    expect(frames).toEqual([40_000, 3]);
  });

  test('who asks while the server closes is told to come later', async () => {
    const { listener, port } = await listening();
    const socket = connectTcp(port, '127.0.0.1');
    cleanUp.push(() => socket.destroy());
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    const upgrade = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`;
    await new Promise((resolve) => socket.write(upgrade.slice(0, 40), resolve));
    // Until it is read.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    await listener.close();
    socket.write(upgrade.slice(40));
    expect(await answer).toMatch(/^HTTP\/1\.1 503 .*transport\.full: the server is closing/s);
  });

  test('a plain request learns what this server is', async () => {
    const { port } = await listening();
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect([response.status, await response.text()]).toEqual([426, expect.stringContaining('fedloom')]);
  });
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('%d ms are no time between pings', (pingEveryMs) => {
  for (const make of [webSocketDial, webSocketListen]) {
    expect(() => make({ pingEveryMs })).toThrow(/^pingEveryMs must be 1 to 2\^31 - 1 milliseconds; got/);
  }
});

describe('addresses', () => {
  test('a port in use is named, with how to mend it', async () => {
    const { port } = await listening();
    await expect(listenWebSocket({ port }, () => {})).rejects.toMatchObject({
      code: 'transport.port-in-use',
      message: `Port ${port} of 127.0.0.1 is in use. Choose another port, or end the program that holds it.`,
    });
  });

  test('an address that is not of this machine is refused', async () => {
    await expect(listenWebSocket({ host: '203.0.113.7' }, () => {})).rejects.toMatchObject({
      code: 'transport.listen',
    });
  });

  test('the port is free again after close', async () => {
    const { port, listener } = await listening();
    await listener.close();
    expect((await listening({ port })).port).toBe(port);
  });

  test('attaches to an HTTP server of the user beside its own pages', async () => {
    const server = createServer((_request, response) => response.end('page'));
    const { listener, accepted } = await listening({ server, path: '/federation' });
    expect(() => listener.url).toThrow('does not listen');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanUp.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    expect(listener.url).toBe(`ws://127.0.0.1:${port}/federation`);
    const client = await dialWebSocket(listener.url);
    const atServer = Recorder.bind(await accepted);
    Recorder.bind(client);
    client.send(Uint8Array.of(1));
    await atServer.until(({ frames }) => frames.length === 1);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('page');
    await expect(dialWebSocket(`ws://127.0.0.1:${port}/elsewhere`)).rejects.toMatchObject({ fields: { status: 404 } });
    client.close();
  });

  test.each([
    ['nobody there', nowhere, 'refused', 'There is no server at'],
    ['no such name', 'ws://fedloom.invalid:1', 'unknown-host', 'host name'],
    ['no address', 'nonsense', 'url', 'ws://HOST:PORT'],
  ])('dialling: %s', async (_name, url, reason, text) => {
    await expect(dialWebSocket(url)).rejects.toMatchObject({
      code: 'transport.connect',
      message: expect.stringContaining(text),
      fields: { reason },
    });
  });

  test('a server that accepts and says nothing times out; cancelling ends it at once', async () => {
    const silent = createTcpServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanUp.push(() => silent.close());
    const url = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await expect(dialWebSocket(url, { connectTimeoutMs: 50 })).rejects.toMatchObject({ fields: { reason: 'timeout' } });
    const signal = AbortSignal.timeout(20);
    await expect(dialWebSocket(url, { signal })).rejects.toMatchObject({ fields: { reason: 'cancelled' } });
  });
});

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

describe('hostile peers', () => {
  async function hostile(): Promise<{ atServer: Recorder; webSocket: WebSocket; closeCode: Promise<number> }> {
    const { listener, accepted } = await listening();
    const webSocket = new WebSocket(listener.url);
    webSocket.on('error', () => {});
    cleanUp.push(() => webSocket.terminate());
    const closeCode = new Promise<number>((resolve) => webSocket.on('close', resolve));
    await new Promise((resolve) => webSocket.on('open', resolve));
    return { atServer: Recorder.bind(await accepted), webSocket, closeCode };
  }

  test('a text frame closes with a coded reason', async () => {
    const { atServer, webSocket, closeCode } = await hostile();
    webSocket.send('{"type":"hello"}');
    expect(await closeCode).toBe(1003);
    await atServer.until(({ reasons }) => reasons.length > 0);
    expect(atServer).toMatchObject({ frames: [], reasons: ['transport.text-frame: only binary frames are read'] });
  });

  test('a frame above the limit closes before it is read', async () => {
    const { atServer, webSocket, closeCode } = await hostile();
    webSocket.send(new Uint8Array(wireLimits.frameBytesMax + 1));
    expect(await closeCode).toBe(1009);
    await atServer.until(({ reasons }) => reasons.length > 0);
    expect(atServer).toMatchObject({ frames: [], reasons: [expect.stringMatching(/^transport\.frame-size/)] });
  });

  test('garbage in binary frames is answered with a code and costs only its connection', async () => {
    const { listener, accepted } = await listening();
    const webSocket = new WebSocket(listener.url);
    cleanUp.push(() => webSocket.terminate());
    const answers: Buffer[] = [];
    webSocket.on('message', (data: Buffer) => answers.push(data));
    const reason = new Promise<string>((resolve) => webSocket.on('close', (_code, text) => resolve(text.toString())));
    await new Promise((resolve) => webSocket.on('open', resolve));
    const server = new TestEnd(await accepted, { role: 'server' });
    for (let seed = 0; seed < 50; seed++) webSocket.send(pattern(2_000, seed));
    expect(await reason).toMatch(/^protocol\.[a-z-]+: /);
    expect(answers.length).toBe(1);
    expect(decodeFrame(answers[0]!)).toMatchObject({ message: { type: 'error' } });
    expect((await server.closed).error?.code).toMatch(/^protocol\./);
    expect([server.received, server.budget.usedBytes]).toEqual([[], 0]);
    (await dialWebSocket(listener.url)).close();
  });

  test('bytes that are no WebSocket frames close the connection, and only that one', async () => {
    const { port, accepted } = await listening();
    const { socket } = await rawUpgrade(port);
    const atServer = Recorder.bind(await accepted);
    socket.write(pattern(1000));
    await atServer.until(({ reasons }) => reasons.length > 0);
    expect(atServer.reasons[0]).toMatch(/^transport\./);
    expect((await rawUpgrade(port)).status).toBe('101');
  });

  test('garbage instead of HTTP harms nobody', async () => {
    const { port } = await listening();
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(pattern(5000));
    socket.resume();
    await closed;
    expect((await rawUpgrade(port)).status).toBe('101');
  });

  test('a peer that vanishes without a word is found out', async () => {
    const { port, accepted } = await listening({ pingEveryMs: 20, deadAfterMs: 60 });
    const { socket } = await rawUpgrade(port);
    // Open, but never answers a ping: as after a pulled cable.
    socket.resume();
    const atServer = Recorder.bind(await accepted);
    await atServer.until(({ reasons }) => reasons.length > 0);
    expect(atServer.reasons[0]).toMatch(/^transport\.dead-peer: nothing came from 127\.0\.0\.1:\d+ for 60 ms$/);
  });

  test('a patient end bears silence, and is as strict as before once it is over', async () => {
    const { port, accepted } = await listening({ pingEveryMs: 20, deadAfterMs: 60 });
    const { socket } = await rawUpgrade(port);
    let pings = 0;
    socket.on('data', () => pings++);
    const server = await accepted;
    server.patient = true;
    const atServer = Recorder.bind(server);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(atServer.reasons).toEqual([]);
    // What the other machine has not acknowledged would keep the kernel from asking whether it is there.
    expect(pings).toBeLessThanOrEqual(2);
    server.patient = false;
    await atServer.ended();
    expect(atServer.reasons[0]).toMatch(/^transport\.dead-peer/);
  });

  test('an end that rests reads nothing until it is over, and can be closed meanwhile', async () => {
    const accepted: Connection[] = [];
    const recorders: Recorder[] = [];
    const listener = await listenWebSocket({}, (connection) => {
      accepted.push(connection);
      recorders.push(Recorder.bind(connection));
    });
    cleanUp.push(() => listener.close());
    const [resting, other] = [await dialWebSocket(listener.url), await dialWebSocket(listener.url)];
    const atClient = Recorder.bind(resting);
    Recorder.bind(other);
    await expect.poll(() => accepted.length).toBe(2);
    const [atServer] = accepted;
    const [seen, atOther] = recorders as [Recorder, Recorder];
    atServer?.rest?.(3_600_000);
    resting.send(Uint8Array.of(1));
    // Whole frames later, on another connection, nothing of it has come.
    for (let i = 0; i < 10; i += 1) other.send(Uint8Array.of(2));
    await atOther.received(10);
    expect(seen.frames).toEqual([]);
    atServer?.rest?.(1);
    await seen.received(1);
    atServer?.rest?.(3_600_000);
    atServer?.close('enough');
    await atClient.ended();
    await seen.ended();
  });

  test.skipIf(process.platform !== 'linux')(
    'the kernel asks after machines that are silent, at both ends',
    async () => {
      const { listener, port, accepted } = await listening();
      const client = await dialWebSocket(listener.url);
      const server = await accepted;
      for (const end of [client, server]) Recorder.bind(end);
      // Field 5 reads `timer:expiry`: timer 2 is that of keep-alive. Field 3 is the connection's state, 1 when open.
      const timers = () =>
        readFileSync('/proc/net/tcp', 'utf8')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter(([, local, remote, state]) => state === '01' && `${local} ${remote}`.includes(`:${hexPort(port)}`))
          .map((fields) => fields[5]?.split(':')[0]);
      await expect.poll(timers).toEqual(['02', '02']);
      client.close();
    },
  );

  test('a quiet peer that answers pings stays', async () => {
    const { listener, accepted } = await listening({ pingEveryMs: 20, deadAfterMs: 60 });
    const client = await dialWebSocket(listener.url);
    const atClient = Recorder.bind(client);
    const atServer = Recorder.bind(await accepted);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([...atServer.reasons, ...atClient.reasons]).toEqual([]);
    client.close();
  });

  test('a connection cut in the middle is reported as lost', async () => {
    const { port, accepted } = await listening();
    const { socket } = await rawUpgrade(port);
    const atServer = Recorder.bind(await accepted);
    socket.resetAndDestroy();
    await atServer.until(({ reasons }) => reasons.length > 0);
    expect(atServer.reasons[0]).toMatch(/^transport\.lost/);
  });
});

test('channels exchange large bodies both ways over real sockets', async () => {
  const pair = await pairOf(listen, dialWebSocket);
  cleanUp.push(() => pair.listener.close());
  const server = new TestEnd(pair.server, { role: 'server' });
  const client = new TestEnd(pair.client, { role: 'client' });
  const bodies = [10_000_001, 70_000, 5, 3_000_000].map((bytes, seed) => pattern(bytes, seed));
  for (const body of bodies) {
    client.channel.send(update, body);
    server.channel.send(examples.model, body);
  }
  for (const end of [server, client]) {
    const received = await end.messages(bodies.length);
    for (const [i, body] of bodies.entries()) expect(Buffer.compare(received[i]!.body!, body)).toBe(0);
    expect(end.budget.usedBytes).toBe(0);
  }
  client.channel.close('done');
  expect((await server.closed).reason).toBe('done');
});
