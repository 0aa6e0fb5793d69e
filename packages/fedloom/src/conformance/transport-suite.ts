import { wireLimits } from '../protocol/limits.js';
import type { Connection, Dial, Listen, Listener } from '../protocol/transport.js';
import { pattern, sameBytes } from './bytes.js';
import { Recorder } from './recorder.js';
import { type ConformanceCase, check, checkEqual, checkRefused, eventually, inTime } from './suite.js';

export interface TransportUnderTest {
  readonly listen: Listen;
  readonly dial: Dial;
  /** An address of the right form where nobody listens. */
  readonly nowhere: string;
}

/** The two ends of one connection, bound or not. */
interface Ends {
  readonly server: Connection;
  readonly client: Connection;
  readonly listener: Listener;
}

type Transport = TransportUnderTest & {
  connect(): Promise<Ends>;
};

const settle = (delayMs = 30): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));
const both = (one: Recorder, two: Recorder, wait: (end: Recorder) => Promise<void>) =>
  Promise.all([wait(one), wait(two)]);

const cases: Readonly<Record<string, (transport: Transport) => Promise<void>>> = {
  async 'carries frames both ways, whole and in order, from none to the largest'({ connect }) {
    const { server, client } = await connect();
    const [atServer, atClient] = [Recorder.bind(server), Recorder.bind(client)];
    const sizes = [0, 1, 125, 126, 65_535, 65_536, wireLimits.frameBytesMax, 3, 1 << 20];
    for (const [seed, size] of sizes.entries()) {
      client.send(pattern(size, seed));
      server.send(pattern(size, seed + 100));
    }
    await both(atServer, atClient, (end) => end.received(sizes.length));
    for (const [seed, size] of sizes.entries()) {
      check(sameBytes(atServer.frames[seed], pattern(size, seed)), `frame ${seed} of ${size} bytes arrives changed`);
      check(
        sameBytes(atClient.frames[seed], pattern(size, seed + 100)),
        `frame ${seed} of ${size} bytes arrives changed`,
      );
    }
  },

  async 'keeps the order of many small frames'({ connect }) {
    const { server, client } = await connect();
    const atServer = Recorder.bind(server);
    Recorder.bind(client);
    const numbers = Array.from({ length: 5_000 }, (_, number) => number);
    for (const number of numbers) client.send(new Uint8Array(Uint32Array.of(number).buffer));
    await atServer.received(numbers.length);
    const came = atServer.frames.map((frame) => new DataView(frame.buffer, frame.byteOffset).getUint32(0, true));
    checkEqual(came, numbers, 'the order of arrival');
  },

  async 'gives frames that slice by copying'({ connect }) {
    const { server, client } = await connect();
    const atServer = Recorder.bind(server);
    Recorder.bind(client);
    client.send(Uint8Array.of(1, 2, 3));
    await atServer.received(1);
    atServer.frames[0]?.slice(0, 1).fill(9);
    checkEqual(atServer.frames[0]?.[0], 1, 'the first byte after its copy was changed');
  },

  async 'never delivers from within a call'({ connect }) {
    const { server, client } = await connect();
    const atServer = Recorder.bind(server);
    const atClient = Recorder.bind(client, () => client.send(Uint8Array.of(2)));
    server.send(Uint8Array.of(1));
    checkEqual(atClient.frames.length, 0, 'what came within `send`');
    await atServer.received(1);
    server.close();
    checkEqual([atServer.reasons, atClient.reasons], [[], []], 'what was told within `close`');
  },

  async 'keeps what comes before `bind` for after it'({ listen, dial }) {
    let server: Connection | undefined;
    const listener = await listen((connection) => {
      server = connection;
      Recorder.bind(connection);
      connection.send(Uint8Array.of(1));
      connection.send(Uint8Array.of(2));
      connection.close('early end');
    });
    const client = await dial(listener.url);
    await settle();
    const atClient = Recorder.bind(client);
    checkEqual(atClient.frames.length, 0, 'what came within `bind`');
    await atClient.ended();
    checkEqual(
      atClient.frames.map(([first]) => first),
      [1, 2],
      'what was sent before `bind`',
    );
    checkEqual(atClient.reasons, ['early end'], 'the reason of the close');
    checkEqual(server?.send(Uint8Array.of(3)), true, '`send` after the end');
  },

  async 'asks to wait when much is on its way, and says when it has left'({ connect }) {
    const { server, client } = await connect();
    const atServer = Recorder.bind(server);
    const atClient = Recorder.bind(client);
    let sent = 0;
    do sent++;
    while (client.send(new Uint8Array(1 << 20)) && sent < 100);
    check(sent < 100, '`send` never returns false, though 100 MiB wait');
    check(client.bufferedBytes > 1 << 20, `bufferedBytes is ${client.bufferedBytes} while frames of 1 MiB wait`);
    checkEqual(atClient.drainedCount, 0, 'calls of `drained` while frames wait');
    await atClient.until(({ drainedCount }) => drainedCount > 0, '`drained`');
    await atServer.received(sent);
    await eventually(() => client.bufferedBytes === 0, 'bufferedBytes to be 0, since everything has arrived');
    await settle();
    checkEqual(atClient.drainedCount, 1, 'calls of `drained`');
  },

  async 'lets what was sent arrive before a close, and tells both ends the reason once'({ connect }) {
    const { server, client } = await connect();
    const [atServer, atClient] = [Recorder.bind(server), Recorder.bind(client)];
    for (let seed = 0; seed < 20; seed++) server.send(pattern(1 << 20, seed));
    server.close('round over');
    server.close('again');
    checkEqual(server.send(Uint8Array.of(1)), true, '`send` after `close`');
    await both(atServer, atClient, (end) => end.ended());
    await settle();
    checkEqual(atClient.frames.length, 20, 'frames that arrive before the close');
    checkEqual([atServer.reasons, atClient.reasons], [['round over'], ['round over']], 'what the ends are told');
  },

  async 'takes no frame after its own close'({ connect }) {
    const { server, client } = await connect();
    const atServer = Recorder.bind(server, () => server.close('one is enough'));
    const atClient = Recorder.bind(client);
    for (let number = 0; number < 10; number++) client.send(Uint8Array.of(number));
    await both(atServer, atClient, (end) => end.ended());
    checkEqual(atServer.frames.length, 1, 'frames after which the server closed');
    checkEqual(atClient.reasons, ['one is enough'], 'what the other end is told');
  },

  async 'survives a reason longer than it can carry'({ connect }) {
    const { server, client } = await connect();
    const [atServer, atClient] = [Recorder.bind(server), Recorder.bind(client)];
    client.close('数'.repeat(120));
    await both(atServer, atClient, (end) => end.ended());
    check(/^数{30,120}$/.test(atServer.reasons[0] ?? ''), `of 120 characters "${atServer.reasons[0]}" arrives`);
  },

  async 'leaves timers their turn under a storm of frames'({ connect }) {
    const { server, client } = await connect();
    Recorder.bind(server, (frame) => server.send(frame));
    Recorder.bind(client, (frame) => client.send(frame));
    client.send(Uint8Array.of(1));
    const startedMs = performance.now();
    await settle(20);
    const tookMs = performance.now() - startedMs;
    check(tookMs < 1_000, `a timer of 20 ms fires after ${Math.round(tookMs)} ms`);
  },

  async 'starts without patience and takes it at any time; a patient end still learns of a close'({ connect }) {
    const { server, client } = await connect();
    checkEqual([server.patient, client.patient], [false, false], 'patience at first');
    server.patient = true;
    const [atServer, atClient] = [Recorder.bind(server), Recorder.bind(client)];
    client.send(Uint8Array.of(1));
    await atServer.received(1);
    checkEqual([server.patient, client.patient], [true, false], 'patience of an end that was told to be patient');
    client.close('left');
    await both(atServer, atClient, (end) => end.ended());
    checkEqual(atServer.reasons, ['left'], 'what a patient end is told');
    server.patient = false;
    checkEqual(server.patient, false, 'patience set after the end');
  },

  async 'fails with a code where nobody listens, and when cancelled'({ listen, dial, nowhere }) {
    await checkRefused(() => dial(nowhere), 'transport.connect', 'dialling where nobody listens');
    const listener = await listen(() => {});
    const signal = AbortSignal.abort(new Error('no time'));
    await checkRefused(() => dial(listener.url, { signal }), 'transport.connect', 'dialling with an aborted signal');
  },

  async 'shares a body with several connections, before what is sent after, if it shares any'({ dial, listen }) {
    let accepted: Connection | undefined;
    const listener = await listen((connection) => {
      accepted = connection;
    });
    for (let count = 0; count < 2; count++) {
      accepted = undefined;
      const client = await dial(listener.url);
      await eventually(() => accepted !== undefined, 'the listener to accept');
      const server = accepted as Connection | undefined;
      check((server?.share === undefined) === (client.fetch === undefined), 'one end shares, the other does not fetch');
      check(server?.fetch === undefined && client.share === undefined, 'a client shares, or a server fetches');
      if (server?.share === undefined) return;
      Recorder.bind(server);
      const atClient = Recorder.bind(client);
      // More than a transport will carry at once; a body of one byte; the same again.
      for (const [seed, bytes] of [5_000_003, 1, 5_000_003].entries()) {
        const body = pattern(bytes, seed % 2);
        const giveBack = server.share(`sha256:${String(seed % 2).repeat(64)}`, body);
        server.send(Uint8Array.of(seed));
        await atClient.received(seed + 1);
        const pieces = await fetched(client, `sha256:${String(seed % 2).repeat(64)}`, bytes);
        check(sameBytes(pieces, body), `a shared body of ${bytes} bytes arrives changed`);
        giveBack();
      }
    }
  },

  async 'keeps open connections when the listener closes, and accepts no more'({ connect, dial }) {
    const { server, client, listener } = await connect();
    const atServer = Recorder.bind(server);
    Recorder.bind(client);
    const { url } = listener;
    await inTime(listener.close(), 'the listener to close');
    await checkRefused(() => dial(url), 'transport.connect', 'dialling a closed listener');
    client.send(Uint8Array.of(5));
    await atServer.received(1);
  },
};

/** A shared body, put together. */
function fetched(client: Connection, name: string, bytes: number): Promise<Uint8Array> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  const done = new Promise<Uint8Array>((resolve) => {
    client.fetch?.(name, bytes, (piece) => {
      whole.set(piece, at);
      at += piece.length;
      if (at === bytes) resolve(whole);
    });
  });
  return inTime(done, `a shared body of ${bytes} bytes`);
}

/** What every transport must do. `create` is called for each case. */
export function transportSuite(create: () => TransportUnderTest): readonly ConformanceCase[] {
  return Object.entries(cases).map(([name, run]) => ({ name, run: () => withTransport(create(), run) }));
}

/** Closes afterwards whatever the case opened. */
async function withTransport(made: TransportUnderTest, run: (transport: Transport) => Promise<void>): Promise<void> {
  const listeners: Listener[] = [];
  const connections: Connection[] = [];
  const listen: Listen = async (onConnection) => {
    const listener = await made.listen((connection) => {
      connections.push(connection);
      onConnection(connection);
    });
    listeners.push(listener);
    return listener;
  };
  const dial: Dial = async (url, options) => {
    const connection = await inTime(made.dial(url, options), `dialling ${url}`);
    connections.push(connection);
    return connection;
  };
  const connect = async (): Promise<Ends> => {
    let accept: (connection: Connection) => void = () => {};
    const accepted = new Promise<Connection>((resolve) => {
      accept = resolve;
    });
    const listener = await listen((connection) => accept(connection));
    const [client, server] = await Promise.all([dial(listener.url), inTime(accepted, 'the listener to accept')]);
    return { server, client, listener };
  };
  try {
    await run({ listen, dial, nowhere: made.nowhere, connect });
  } finally {
    for (const connection of connections) connection.close();
    await Promise.all(listeners.map((listener) => listener.close()));
  }
}
