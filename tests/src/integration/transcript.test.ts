/** The transcript of PROTOCOL.md section 15: given the server's frames, each client must send the client's. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinFederation } from 'fedloom';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { root } from '../repository/source-tree.js';
import { describePython } from './python.js';
import { pythonClient } from './python-process.js';

const FIXTURE = join(root, 'tools/goldens/data/transcript');

interface Sent {
  readonly from: string;
  readonly frame: Buffer;
}

async function transcript(): Promise<readonly Sent[]> {
  const lines = (await readFile(join(FIXTURE, 'frames.txt'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => {
    const [from = '', hex = ''] = line.split(' ');
    return { from, frame: Buffer.from(hex, 'hex') };
  });
}

/** What the protocol fixes of a client's frame. */
function fixed(frame: Buffer) {
  const kind = frame[0];
  const start = kind === 1 ? 1 : 8;
  const end = kind === 1 ? frame.length : 8 + frame.readUInt32LE(4);
  const header = frame.subarray(1, Math.min(4, start)).toString('hex');
  const text = frame.subarray(start, end).toString();
  const { software, trainMs, ...message } = JSON.parse(text);
  if (message.type === 'update') expect(trainMs).toBeGreaterThanOrEqual(0);
  if (message.type === 'hello') expect(software).not.toBe('');
  return {
    kind,
    header: kind === 1 ? '' : header,
    unpadded: kind === 1 ? text === text.trimEnd() : (end - start) % 8,
    message,
    body: frame.subarray(end).toString('hex'),
  };
}

const inOrder = (frames: readonly Buffer[]) =>
  frames.map(fixed).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

/** Says what the server said, each time after the client has said as much as it had said then. */
class Replay {
  readonly heard: Buffer[] = [];
  readonly closed: Promise<number>;
  readonly url: string;
  #wake = () => {};

  private constructor(
    private readonly server: WebSocketServer,
    frames: readonly Sent[],
  ) {
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    this.closed = new Promise((resolve) => {
      server.once('connection', (socket) => {
        socket.on('message', (frame: Buffer) => {
          this.heard.push(frame);
          this.#wake();
        });
        socket.once('close', (code) => resolve(code));
        void this.#play(socket, frames);
      });
    });
  }

  static async open(frames: readonly Sent[]): Promise<Replay> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    await new Promise((resolve) => server.once('listening', resolve));
    return new Replay(server, frames);
  }

  async #play(socket: WebSocket, frames: readonly Sent[]): Promise<void> {
    let expected = 0;
    for (const { from, frame } of frames) {
      if (from === 'server') socket.send(frame);
      else expected += 1;
      while (this.heard.length < expected) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  close(): void {
    for (const socket of this.server.clients) socket.terminate();
    this.server.close();
  }
}

// Several processes of Python at a time, on few cores.
vi.setConfig({ testTimeout: 240_000 });

let frames: readonly Sent[];
let replay: Replay;
let parts: string;

beforeEach(async () => {
  frames = await transcript();
  replay = await Replay.open(frames);
  parts = await mkdtemp(join(tmpdir(), 'fedloom-transcript-'));
  await cp(FIXTURE, parts, { recursive: true });
});

afterEach(async () => {
  replay.close();
  await rm(parts, { recursive: true, force: true });
});

async function expectSameFrames(): Promise<void> {
  expect(await replay.closed).toBe(1000);
  const recorded = frames.filter(({ from }) => from === 'client').map(({ frame }) => frame);
  expect(recorded.length).toBeGreaterThan(8);
  expect(inOrder(replay.heard)).toEqual(inOrder(recorded));
}

describe('the client in Node', () => {
  it('answers the frames of the transcript with those of the transcript', async () => {
    const finish = await joinFederation(replay.url, { clients: [{ from: 0, count: 2 }], dataDir: parts, workers: 1 });
    expect(finish?.reason).toBe('completed');
    await expectSameFrames();
  });
});

describePython('the client in Python', () => {
  it('answers the frames of the transcript with those of the transcript', async () => {
    const { code, stderr } = await pythonClient(['--server', replay.url, '--index', '0-1', '--data', parts]).ended;
    expect(code, stderr).toBe(0);
    await expectSameFrames();
  });
});
