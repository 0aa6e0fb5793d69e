import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { dialWebSocket } from './dial.js';
import { listenWebSocket } from './listen.js';
import type { WebSocketListenOptions } from './options.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function listening(options: WebSocketListenOptions) {
  const listener = await listenWebSocket(options, (connection) =>
    connection.bind({ frame: () => {}, drained: () => {}, closed: () => {} }),
  );
  cleanUp.push(() => listener.close());
  const { url } = listener;
  const dial = async () => {
    const connection = await dialWebSocket(url);
    const closed = new Promise((resolve) => connection.bind({ frame: () => {}, drained: () => {}, closed: resolve }));
    cleanUp.push(() => connection.close());
    return { connection, closed };
  };
  /** TCP alone. @returns what the server says until it closes */
  const raw = (text = '') => {
    const socket: Socket = connect(Number(new URL(url).port), '127.0.0.1');
    cleanUp.push(() => socket.destroy());
    let said = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      said += data.toString('latin1');
    });
    const closed = once(socket, 'close').then(() => said);
    if (text !== '') socket.write(text);
    return { socket, closed };
  };
  return { dial, raw };
}

const refusal = (why: RegExp) => ({
  code: 'transport.connect',
  fields: expect.objectContaining({ status: 503, reason: 'rejected' }),
  message: expect.stringMatching(why),
});

describe('a server', () => {
  it('counts connections that say nothing, tells who comes beyond, and takes others when one is gone', async () => {
    const { dial, raw } = await listening({ connectionsMax: 2, connectionsPerAddressMax: 2 });
    const silent = raw();
    await once(silent.socket, 'connect');
    await dial();
    await expect(dial()).rejects.toMatchObject(refusal(/transport\.full: 2 connections are open/));
    silent.socket.destroy();
    await expect.poll(() => dial().then(() => 'open', String)).toBe('open');
  });

  it('takes half of its connections from one address, unless it is told otherwise', async () => {
    const { dial } = await listening({ connectionsMax: 4 });
    await dial();
    await dial();
    await expect(dial()).rejects.toMatchObject(refusal(/transport\.full: 2 connections from 127\.0\.0\.1 are open/));
  });

  it('cuts without a word who comes after those that it has told', async () => {
    const { raw } = await listening({ connectionsMax: 1 });
    const sockets = Array.from({ length: 40 }, () => raw());
    for (const { closed } of sockets.slice(30)) expect(await closed).toBe('');
  });

  it('answers what is no WebSocket and closes, however long its body goes on', async () => {
    const { raw } = await listening({});
    const { socket, closed } = raw('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    const drip = setInterval(() => socket.write('1\r\nx\r\n'), 5);
    cleanUp.push(() => clearInterval(drip));
    expect(await closed).toMatch(/^HTTP\/1\.1 426 Upgrade Required[\s\S]*Connection: Upgrade, close/);
  });

  it('refuses headers without end', async () => {
    const { raw } = await listening({});
    const { socket, closed } = raw('GET / HTTP/1.1\r\n');
    socket.write(`X: ${'a'.repeat(20_000)}\r\n`);
    expect(await closed).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('answers pings, but owes no answers to who takes none', async () => {
    const { raw } = await listening({});
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13';
    const { socket } = raw(
      `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${upgrade}\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n\r\n`,
    );
    await once(socket, 'data');
    // FIN and ping; masked with zeros, 125 bytes of payload.
    const ping = Buffer.alloc(131);
    ping.set([0x89, 0xfd]);
    socket.write(ping);
    const [pong] = (await once(socket, 'data')) as [Buffer];
    expect([pong[0], pong.length]).toEqual([0x8a, 127]);

    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 4_000 }, () => ping));
    const count = 80;
    for (let i = 0; i < count; i += 1) await new Promise((resolve) => socket.write(pings, resolve));
    let takenBytes = 0;
    socket.on('data', (data) => {
      takenBytes += data.length;
    });
    socket.resume();
    // Once all that waited is here, a ping is answered again.
    let before = -1;
    await expect
      .poll(
        () => {
          const isQuiet = takenBytes === before;
          before = takenBytes;
          return isQuiet;
        },
        { interval: 200, timeout: 20_000 },
      )
      .toBe(true);
    socket.write(ping);
    await expect.poll(() => takenBytes).toBe(before + 127);
    // What the system's own buffers hold, and little more.
    expect(takenBytes).toBeLessThan(0.6 * count * pings.length);
  });
});
