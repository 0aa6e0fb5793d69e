import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import { ByteBudget } from '../../../../packages/fedloom/dist/protocol/byte-budget.js';
import { Channel } from '../../../../packages/fedloom/dist/protocol/channel.js';
import { encodeControl } from '../../../../packages/fedloom/dist/protocol/codec.js';
import { examples } from '../../../../packages/fedloom/dist/protocol/testing/messages.js';
import { listenWebSocket } from '../../../../packages/fedloom/dist/transport/websocket/listen.js';
import { check, joined, partsIn, type Target, utf8 } from '../target.js';

const KEY = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const UPGRADE = utf8(
  `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${KEY}\r\n\r\n`,
);
/** Until all that came is read, and what follows from it has happened. */
const TURNS = 6;
const TEXT = 0x81;
const BINARY = 0x82;
const PING = 0x89;
const CLOSE = 0x88;

/** The bytes of a TCP connection to a server: HTTP, WebSocket, frames. A first part of one byte stands for a right upgrade. */
export const target: Target = {
  seeds: () => [
    joined([Uint8Array.of(1), masked(BINARY, encodeControl(examples.hello)), masked(CLOSE, Uint8Array.of(3, 232))]),
    joined([Uint8Array.of(1), masked(PING, utf8('here')), masked(TEXT, utf8('hello'))]),
    joined([Uint8Array.of(1), masked(BINARY, encodeControl(examples.getPlan).subarray(0, 9)), utf8('more')]),
    joined([UPGRADE, masked(BINARY, encodeControl(examples.hello))]),
    joined([utf8('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')]),
  ],
  async run(input) {
    const server = createServer();
    const budget = new ByteBudget(1_000_000);
    const listener = await listenWebSocket({ server }, (connection) => {
      const options = { onMessage: (_message: unknown, _body: unknown, release: () => void) => release() };
      new Channel(connection, { role: 'server', budget, ...options, onClosed: () => {} });
    });
    const socket = new Pipe();
    server.emit('connection', socket);
    for (const [at, part] of partsIn(input).entries()) {
      if (socket.destroyed) break;
      socket.push(at === 0 && part.length === 1 ? UPGRADE : part);
      await turn();
    }
    for (let i = 0; i < TURNS; i += 1) await turn();
    socket.destroy();
    for (let i = 0; i < TURNS; i += 1) await turn();
    await listener.close();
    check(budget.usedBytes === 0, `${budget.usedBytes} bytes are not given back`);
  },
};

/** The server's end of a connection, as far as it is used. */
class Pipe extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;

  setKeepAlive(): this {
    return this;
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
}

/** A frame as a client sends it, with a mask of zeros. */
function masked(kind: number, payload: Uint8Array): Uint8Array {
  const long = payload.length > 125;
  const length = long ? [0x80 | 126, payload.length >> 8, payload.length & 255] : [0x80 | payload.length];
  return Uint8Array.of(kind, ...length, 0, 0, 0, 0, ...payload);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
