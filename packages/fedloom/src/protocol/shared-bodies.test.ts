import { expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.js';
import { connectionPair, TestEnd } from './testing/channel-pair.js';
import { examples, pattern } from './testing/messages.js';
import type { Connection } from './transport.js';

const shared = examples.model.version.hash;
const BYTES = 300_000;

/** What one transport shares: bodies by name, each with how many have not given it back. */
class Shelf {
  readonly bodies = new Map<string, { readonly body: Uint8Array; waiting: number; asked: number }>();
  readonly stopped: string[] = [];
  pieceBytes = 100_000;

  async pair() {
    const { server, client } = await connectionPair();
    const sharing: Connection = Object.assign(server, {
      share: (name: string, body: Uint8Array) => this.#share(name, body),
    });
    const fetching: Connection = Object.assign(client, {
      fetch: (name: string, _bytes: number, take: (piece: Uint8Array) => void) => this.#fetch(name, take),
    });
    return { sharing, fetching };
  }

  #share(name: string, body: Uint8Array): () => void {
    const entry = this.bodies.get(name) ?? { body, waiting: 0, asked: 0 };
    this.bodies.set(name, entry);
    entry.waiting += 1;
    return () => {
      entry.waiting -= 1;
    };
  }

  #fetch(name: string, take: (piece: Uint8Array) => void): () => void {
    const entry = this.bodies.get(name);
    if (entry === undefined) throw new Error('it was not shared before it was announced');
    entry.asked += 1;
    let at = 0;
    const timer = setInterval(() => {
      if (at >= entry.body.length) return clearInterval(timer);
      take(entry.body.slice(at, at + this.pieceBytes));
      at += this.pieceBytes;
    }, 1);
    return () => {
      clearInterval(timer);
      this.stopped.push(name);
    };
  }
}

async function channels(shelf: Shelf, budget?: ByteBudget) {
  const { sharing, fetching } = await shelf.pair();
  const server = new TestEnd(sharing, { role: 'server' });
  return { server, client: new TestEnd(fetching, { role: 'client', ...(budget && { budget }) }) };
}

test('a shared body travels beside the connections, in its place among the messages, and is given back', async () => {
  const shelf = new Shelf();
  const pairs = [await channels(shelf), await channels(shelf)];
  const body = pattern(BYTES);
  for (const { server } of pairs) {
    server.channel.send(examples.joined);
    server.channel.send(examples.model, body, { shared });
    server.channel.send(examples.train);
  }
  for (const { server, client } of pairs) {
    const received = await client.messages(3);
    expect(received.map(({ message }) => message.type)).toEqual(['joined', 'model', 'train']);
    expect(Buffer.compare(received[1]?.body ?? new Uint8Array(0), body)).toBe(0);
    expect(server.channel.bytesOut).toBeLessThan(5_000);
    expect(client.budget.usedBytes).toBe(0);
  }
  await expect.poll(() => shelf.bodies.get(shared)).toMatchObject({ waiting: 0, asked: 2 });
});

test('it waits for memory as any body does, and for what is not shared nothing changes', async () => {
  const shelf = new Shelf();
  const budget = new ByteBudget(BYTES + 1);
  budget.lane().take(2);
  const { server, client } = await channels(shelf, budget);
  server.channel.send(examples.model, pattern(BYTES), { shared });
  server.channel.send(examples.model, pattern(70_000));
  server.channel.send(examples.model, pattern(60_000), { shared });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([client.received.length, shelf.bodies.get(shared)?.asked]).toEqual([0, 0]);
  budget.lane().release(2);
  const received = await client.messages(3);
  expect(received.map(({ body }) => body?.length)).toEqual([BYTES, 70_000, 60_000]);
  expect(shelf.bodies.get(shared)?.asked).toBe(1);
});

test('what was announced and is not needed any more is given back, and its fetching ends', async () => {
  const shelf = new Shelf();
  shelf.pieceBytes = 100;
  const { server, client } = await channels(shelf);
  server.channel.send(examples.model, pattern(BYTES), { shared });
  await expect.poll(() => shelf.bodies.get(shared)?.asked).toBe(1);
  client.channel.close();
  await Promise.all([server.closed, client.closed]);
  expect([shelf.bodies.get(shared)?.waiting, shelf.stopped]).toEqual([0, [shared]]);
  expect(client.budget.usedBytes).toBe(0);
});

test('a body that is longer than announced fails the channel', async () => {
  const shelf = new Shelf();
  const { server, client } = await channels(shelf);
  shelf.bodies.set(shared, { body: pattern(BYTES + 1), waiting: 0, asked: 0 });
  server.channel.send(examples.model, pattern(BYTES), { shared });
  expect((await client.closed).error).toMatchObject({ code: 'protocol.overrun' });
});

test('over a transport that shares nothing it is sent as any other; an announcement of one fails the channel', async () => {
  const { server, client } = await connectionPair();
  const [one, two] = [new TestEnd(server, { role: 'server' }), new TestEnd(client, { role: 'client' })];
  one.channel.send(examples.model, pattern(BYTES), { shared });
  expect((await two.messages(1))[0]?.body?.length).toBe(BYTES);
  const text = JSON.stringify({ ...examples.model, body: { stream: 9, bytes: BYTES, shared } });
  server.send(Uint8Array.of(1, ...new TextEncoder().encode(text)));
  expect((await two.closed).error).toMatchObject({ code: 'protocol.body' });
});
