import { connect, createServer, type Socket } from 'node:net';

/** One connection through the line. */
export interface Passage {
  /** Ends it, both ways, without a word. */
  cut(): void;
}

/** Takes what one end sent: `pass` hands on what is to be handed on. */
export type TakeBytes = (
  from: 'client' | 'server',
  bytes: Buffer,
  pass: (bytes: Buffer, sent?: () => void) => void,
) => void;

/**
 * A TCP line between clients and a server on this machine that does with the bytes what a test wants.
 * @param open called for each connection
 */
export async function tcpLine(url: string, open: (passage: Passage) => TakeBytes) {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(Number(new URL(url).port), '127.0.0.1');
    const cut = () => {
      client.destroy();
      server.destroy();
    };
    const take = open({ cut });
    for (const [name, from, to] of [
      ['client', client, server],
      ['server', server, client],
    ] as const) {
      sockets.add(from);
      from.on('error', cut).on('close', cut);
      from.on('data', (bytes: Buffer) => take(name, bytes, (part, sent) => void to.write(part, sent)));
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${(proxy.address() as { port: number }).port}/`,
    /** Cuts every connection, and takes no more. */
    close: () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}
