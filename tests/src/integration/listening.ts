import { WebSocket, WebSocketServer } from 'ws';

/** A server between the clients and the real one that keeps every frame that passes. */
export async function listening(url: string) {
  const frames: { readonly from: 'client' | 'server'; readonly data: Buffer }[] = [];
  const proxy = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await new Promise((resolve) => proxy.once('listening', resolve));
  const clients = new Set<WebSocket>();
  proxy.on('connection', (client) => {
    clients.add(client);
    const server = new WebSocket(url, { perMessageDeflate: false });
    const early: Buffer[] = [];
    client.on('message', (data: Buffer) => {
      frames.push({ from: 'client', data });
      if (server.readyState === WebSocket.OPEN) server.send(data);
      else early.push(data);
    });
    server.on('open', () => {
      for (const data of early) server.send(data);
    });
    server.on('message', (data: Buffer) => {
      frames.push({ from: 'server', data });
      client.send(data);
    });
    server.on('close', () => client.close());
    client.on('close', () => server.close());
  });
  const { port } = proxy.address() as { port: number };
  return {
    url: `ws://127.0.0.1:${port}`,
    frames,
    /** Breaks every line; clients may come back. */
    cut: () => {
      for (const client of clients) client.terminate();
      clients.clear();
    },
    close: () => proxy.close(),
  };
}
