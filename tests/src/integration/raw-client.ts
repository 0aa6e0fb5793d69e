import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';

/**
 * A client written from PROTOCOL.md alone: byte 1 and JSON, or byte 3, the JSON's length, JSON and a small body. It says
 * whatever a test wants it to say.
 */
export class RawClient {
  readonly received: Record<string, unknown>[] = [];
  readonly closed: Promise<string>;
  readonly #socket: WebSocket;
  #wake: (() => void)[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', (_code, reason) => resolve(reason.toString())));
    socket.on('message', (data: Buffer) => {
      const json = data[0] === 3 ? data.subarray(8, 8 + data.readUInt32LE(4)) : data.subarray(1);
      if (data[0] !== 2) this.received.push(JSON.parse(json.toString('utf8')));
      const wake = this.#wake;
      this.#wake = [];
      for (const resolve of wake) resolve();
    });
    socket.on('error', () => {});
  }

  /** @param localAddress where it comes from; default: whichever */
  static async connect(url: string, localAddress?: string): Promise<RawClient> {
    const socket = new WebSocket(url, { ...(localAddress && { localAddress }) });
    const client = new RawClient(socket);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return client;
  }

  /** Opens a WebSocket by hand and begins a binary frame of so many bytes, of which the last 64 never come. */
  static async halfAFrame(url: string, bytes: number): Promise<Socket> {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
    // FIN and binary; masked, with 64 bits of length; a mask of zeros.
    const head = Buffer.alloc(14);
    head.set([0x82, 0xff]);
    head.writeBigUInt64BE(BigInt(bytes), 2);
    socket.write(head);
    await new Promise((resolve) => socket.write(Buffer.alloc(bytes - 64), resolve));
    return socket;
  }

  /** Connects and shakes hands. */
  static async enter(url: string, localAddress?: string): Promise<RawClient> {
    const client = await RawClient.connect(url, localAddress);
    client.send({ type: 'hello', versions: [2], software: 'raw', capabilities: [] });
    await client.next('challenge');
    client.send({ type: 'auth', method: 'none' });
    return client;
  }

  /** Connects, shakes hands, and joins as these clients. */
  static async join(url: string, from: number, count = 1): Promise<RawClient> {
    const client = await RawClient.enter(url);
    await client.next('welcome');
    client.send({ type: 'join', clients: [{ from, count }] });
    await client.next('joined');
    void client.#evaluateAndLeave(from, count).catch(() => {});
    return client;
  }

  send(message: Record<string, unknown>): void {
    this.bytes(Buffer.concat([Buffer.from([1]), Buffer.from(JSON.stringify(message))]));
  }

  /** A message with a body of at most 64 KiB, in one frame; the JSON is padded so that the body is 8-byte aligned. */
  sendWithBody(message: Record<string, unknown>, body: Uint8Array): void {
    const text = JSON.stringify(message);
    const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
    const head = Buffer.alloc(8);
    head[0] = 3;
    head.writeUInt32LE(json.length, 4);
    this.bytes(Buffer.concat([head, json, body]));
  }

  bytes(frame: Uint8Array): void {
    this.#socket.send(frame);
  }

  /** Holds no test data, and goes when the run is over, so that nobody has to wait for it. */
  async #evaluateAndLeave(from: number, count: number): Promise<void> {
    void this.next('finish').then(
      () => this.#socket.close(1000),
      () => {},
    );
    for (;;) {
      const { round } = await this.next('evaluate');
      const entries = Array.from({ length: count }, (_, i) => ({ client: from + i, sampleCount: 0, statistics: {} }));
      this.send({ type: 'evaluations', round, entries });
    }
  }

  /** Stops or goes on to take what the server sends. */
  set deaf(deaf: boolean) {
    if (deaf) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Bytes that are not with the system yet. */
  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  kill(): void {
    this.#socket.terminate();
  }

  /** Waits for the next message of a type that satisfies `match`, and takes it. */
  async next(
    type: string,
    match: (message: Record<string, unknown>) => boolean = () => true,
  ): Promise<Record<string, unknown>> {
    for (;;) {
      const at = this.received.findIndex((message) => message.type === type && match(message));
      if (at >= 0) return this.received.splice(at, 1)[0] as Record<string, unknown>;
      const closed = await Promise.race([
        new Promise<undefined>((resolve) => this.#wake.push(() => resolve(undefined))),
        this.closed,
      ]);
      if (closed !== undefined) throw new Error(`closed while waiting for '${type}': ${closed}`);
    }
  }
}
