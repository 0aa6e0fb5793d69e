import type { RandomStream } from 'fedloom';
import { WebSocket, WebSocketServer } from 'ws';
import { tcpLine } from './tcp-line.js';

/** What passed: who sent it, and the frame. */
export type Look = (from: 'client' | 'server', frame: Buffer) => 'pass' | 'cut';

/**
 * A server between clients and the real one that looks at every frame, and cuts its line, in place of handing it on, when
 * `look` says so.
 */
export async function watchedLine(url: string, look: Look) {
  const proxy = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await new Promise((resolve) => proxy.once('listening', resolve));
  let cuts = 0;
  const cutters = new Set<() => void>();
  proxy.on('connection', (client) => {
    const server = new WebSocket(url, { perMessageDeflate: false });
    const early: Buffer[] = [];
    let open = true;
    const end = () => {
      open = false;
      client.terminate();
      server.terminate();
      cutters.delete(cut);
    };
    const cut = () => {
      cuts += 1;
      end();
    };
    cutters.add(cut);
    const pass = (from: 'client' | 'server', frame: Buffer, send: () => void) => {
      if (!open) return;
      if (look(from, frame) === 'cut') cut();
      else send();
    };
    client.on('message', (frame: Buffer) =>
      pass('client', frame, () => {
        if (server.readyState === WebSocket.OPEN) server.send(frame);
        else early.push(frame);
      }),
    );
    server.on('open', () => {
      for (const frame of early.splice(0)) server.send(frame);
    });
    server.on('message', (frame: Buffer) => pass('server', frame, () => client.send(frame)));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', end);
      socket.on('close', (code: number, reason: Buffer) => {
        cutters.delete(cut);
        if (!open) return;
        open = false;
        other.close(code === 1005 || code === 1006 ? 1000 : code, reason);
      });
    }
  });
  const { port } = proxy.address() as { port: number };
  return {
    url: `ws://127.0.0.1:${port}/`,
    get cuts() {
      return cuts;
    },
    /** Cuts every line that there is now. */
    cutAll: () => {
      for (const cut of [...cutters]) cut();
    },
    close: () => proxy.close(),
  };
}

/**
 * A line that breaks after so many bytes, wherever that is, as often as `cutsMax`: in the middle of a frame, of the handshake,
 * of a model.
 */
export async function brittleLine(url: string, random: RandomStream, cutsMax: number) {
  const bytes = { least: 900, most: 9_000 };
  let cuts = 0;
  const line = await tcpLine(url, ({ cut }) => {
    let left = cuts < cutsMax ? bytes.least + random.integer(bytes.most - bytes.least) : Number.POSITIVE_INFINITY;
    return (_from, data, pass) => {
      if (left <= 0) return;
      left -= data.length;
      if (left > 0) return pass(data);
      cuts += 1;
      pass(data.subarray(0, data.length + left), cut);
    };
  });
  return {
    ...line,
    get cuts() {
      return cuts;
    },
  };
}
