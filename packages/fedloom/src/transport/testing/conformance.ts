import { afterEach, describe, expect, test } from 'vitest';
import { wireLimits } from '../../protocol/limits.js';
import { pairOf } from '../../protocol/testing/channel-pair.js';
import { pattern } from '../../protocol/testing/messages.js';
import type { Connection, Dial, Listener } from '../../protocol/transport.js';
import { Recorder } from './recorder.js';

export interface TransportUnderTest {
  listen(onConnection: (connection: Connection) => void): Promise<Listener>;
  readonly dial: Dial;
  /** An address of the right form where nobody listens. */
  readonly nowhere: string;
}

const settle = (delayMs = 30): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));

/** What every transport must do. `create` is called for each test. */
export function describeTransport(name: string, create: () => TransportUnderTest): void {
  const listeners: Listener[] = [];

  async function connect(): Promise<{
    server: Connection;
    client: Connection;
    listener: Listener;
    transport: TransportUnderTest;
  }> {
    const transport = create();
    const pair = await pairOf((accept) => transport.listen(accept), transport.dial);
    listeners.push(pair.listener);
    return { ...pair, transport };
  }

  describe(`transport ${name}`, () => {
    afterEach(async () => {
      for (const listener of listeners.splice(0)) await listener.close();
    });

    test('carries frames both ways, whole and in order, from none to the largest', async () => {
      const { server, client } = await connect();
      const [atServer, atClient] = [Recorder.bind(server), Recorder.bind(client)];
      const sizes = [0, 1, 125, 126, 65_535, 65_536, wireLimits.frameBytesMax, 3, 1 << 20];
      for (const [seed, size] of sizes.entries()) {
        client.send(pattern(size, seed));
        server.send(pattern(size, seed + 100));
      }
      await Promise.all([atServer, atClient].map((end) => end.until(({ frames }) => frames.length === sizes.length)));
      for (const [seed, size] of sizes.entries()) {
        expect(Buffer.compare(atServer.frames[seed]!, pattern(size, seed))).toBe(0);
        expect(Buffer.compare(atClient.frames[seed]!, pattern(size, seed + 100))).toBe(0);
      }
      client.close();
    });

    test('keeps the order of many small frames', async () => {
      const { server, client } = await connect();
      const atServer = Recorder.bind(server);
      Recorder.bind(client);
      const count = 5_000;
      for (let i = 0; i < count; i++) client.send(new Uint8Array(Uint32Array.of(i).buffer));
      await atServer.until(({ frames }) => frames.length === count);
      const numbers = atServer.frames.map((frame) => new DataView(frame.buffer, frame.byteOffset).getUint32(0, true));
      expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i));
      client.close();
    });

    test('gives frames that slice by copying', async () => {
      const { server, client } = await connect();
      const atServer = Recorder.bind(server);
      Recorder.bind(client);
      client.send(Uint8Array.of(1, 2, 3));
      await atServer.until(({ frames }) => frames.length === 1);
      const copy = atServer.frames[0]!.slice(0, 1);
      copy[0] = 9;
      expect(atServer.frames[0]![0]).toBe(1);
      client.close();
    });

    test('never delivers from within a call', async () => {
      const { server, client } = await connect();
      const atServer = Recorder.bind(server);
      const atClient = Recorder.bind(client, () => client.send(Uint8Array.of(2)));
      server.send(Uint8Array.of(1));
      expect(atClient.frames).toEqual([]);
      await atServer.until(({ frames }) => frames.length === 1);
      server.close();
      expect([atServer.reasons, atClient.reasons]).toEqual([[], []]);
    });

    test('keeps what comes before `bind` for after it', async () => {
      const transport = create();
      let server!: Connection;
      const listener = await transport.listen((connection) => {
        server = connection;
        Recorder.bind(connection);
        connection.send(Uint8Array.of(1));
        connection.send(Uint8Array.of(2));
        connection.close('early end');
      });
      listeners.push(listener);
      const client = await transport.dial(listener.url);
      await settle();
      const atClient = Recorder.bind(client);
      expect(atClient.frames).toEqual([]);
      await atClient.until(({ reasons }) => reasons.length > 0);
      expect(atClient.frames.map(([first]) => first)).toEqual([1, 2]);
      expect(atClient.reasons).toEqual(['early end']);
      expect(server.send(Uint8Array.of(3))).toBe(true);
    });

    test('asks to wait when much is on its way, and says when it has left', async () => {
      const { server, client } = await connect();
      const atServer = Recorder.bind(server);
      const atClient = Recorder.bind(client);
      let sent = 0;
      do sent++;
      while (client.send(new Uint8Array(1 << 20)) && sent < 100);
      expect(sent).toBeLessThan(100);
      expect(client.bufferedBytes).toBeGreaterThan(1 << 20);
      expect(atClient.drainedCount).toBe(0);
      await atClient.until(({ drainedCount }) => drainedCount > 0);
      await atServer.until(({ frames }) => frames.length === sent);
      await settle();
      expect(client.bufferedBytes).toBe(0);
      expect(atClient.drainedCount).toBe(1);
      client.close();
    });

    test('lets what was sent arrive before a close, and tells both ends the reason once', async () => {
      const { server, client } = await connect();
      const [atServer, atClient] = [Recorder.bind(server), Recorder.bind(client)];
      for (let i = 0; i < 20; i++) server.send(pattern(1 << 20, i));
      server.close('round over');
      server.close('again');
      expect(server.send(Uint8Array.of(1))).toBe(true);
      await Promise.all([atServer, atClient].map((end) => end.until(({ reasons }) => reasons.length > 0)));
      await settle();
      expect(atClient.frames.length).toBe(20);
      expect([atServer.reasons, atClient.reasons]).toEqual([['round over'], ['round over']]);
    });

    test('takes no frame after its own close', async () => {
      const { server, client } = await connect();
      const atServer = Recorder.bind(server, () => server.close('one is enough'));
      const atClient = Recorder.bind(client);
      for (let i = 0; i < 10; i++) client.send(Uint8Array.of(i));
      await atClient.until(({ reasons }) => reasons.length > 0);
      await atServer.until(({ reasons }) => reasons.length > 0);
      expect(atServer.frames.length).toBe(1);
      expect(atClient.reasons).toEqual(['one is enough']);
    });

    test('survives a reason longer than it can carry', async () => {
      const { server, client } = await connect();
      const [atServer, atClient] = [Recorder.bind(server), Recorder.bind(client)];
      client.close('数'.repeat(120));
      await atServer.until(({ reasons }) => reasons.length > 0);
      await atClient.until(({ reasons }) => reasons.length > 0);
      expect(atServer.reasons[0]).toMatch(/^数{30,120}$/);
    });

    test('leaves timers their turn under a storm of frames', async () => {
      const { server, client } = await connect();
      Recorder.bind(server, (frame) => server.send(frame));
      Recorder.bind(client, (frame) => client.send(frame));
      client.send(Uint8Array.of(1));
      const started = performance.now();
      await settle(20);
      expect(performance.now() - started).toBeLessThan(1_000);
      client.close();
    });

    test('fails with a code where nobody listens, and when cancelled', async () => {
      const transport = create();
      await expect(transport.dial(transport.nowhere)).rejects.toMatchObject({ code: 'transport.connect' });
      const signal = AbortSignal.abort(new Error('no time'));
      const listener = await transport.listen(() => {});
      listeners.push(listener);
      await expect(transport.dial(listener.url, { signal })).rejects.toMatchObject({ code: 'transport.connect' });
    });

    test('keeps open connections when the listener closes, and accepts no more', async () => {
      const { server, client, listener, transport } = await connect();
      const atServer = Recorder.bind(server);
      Recorder.bind(client);
      const { url } = listener;
      await listener.close();
      await expect(transport.dial(url)).rejects.toMatchObject({ code: 'transport.connect' });
      client.send(Uint8Array.of(5));
      await atServer.until(({ frames }) => frames.length === 1);
      client.close();
    });
  });
}
