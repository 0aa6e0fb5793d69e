import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { joinFederation, simulate } from 'fedloom';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import type { ServerSays } from './attacked-server.js';
import { HONEST, sizeFor, tasks } from './attacked-tasks.js';
import { RawClient } from './raw-client.js';

const ROUNDS = 6;
/** What docs/security.md promises. */
const MEMORY_BYTES_MAX = 300e6;

/** A server with an honest run that waits in its second round until the attack has done what it can, and then goes on. */
async function attacked(
  annotate: TestContext['annotate'],
  name: keyof typeof tasks,
  clients: number,
  openFiles = 'unlimited',
) {
  const path = fileURLToPath(new URL('./attacked-server.js', import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-attacks-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const limit = openFiles === 'unlimited' ? '' : `ulimit -n ${openFiles} && `;
  const args = [process.execPath, path, name, `${clients}`, `${ROUNDS}`, join(folder, 'journal')];
  const server = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  onTestFinished(() => void server.kill('SIGKILL'));
  const said: ServerSays[] = [];
  const wake: (() => void)[] = [];
  server.on('message', (message: ServerSays) => {
    said.push(message);
    for (const resolve of wake.splice(0)) resolve();
  });
  server.on('exit', () => {
    wake.push(() => {});
    for (const resolve of wake.splice(0)) resolve();
  });
  async function next<T extends ServerSays['type']>(type: T): Promise<Extract<ServerSays, { readonly type: T }>> {
    for (;;) {
      const at = said.findIndex((message) => message.type === type);
      if (at >= 0) return said.splice(at, 1)[0] as Extract<ServerSays, { readonly type: T }>;
      if (server.exitCode !== null || server.signalCode !== null)
        throw new Error(`the server is gone: ${server.exitCode}`);
      await new Promise<void>((resolve) => wake.push(resolve));
    }
  }
  const memory = async () => {
    server.send('memory');
    return (await next('memory')).bytes;
  };
  const log = () => said.flatMap((message) => (message.type === 'log' ? [message.text] : []));
  const { url } = await next('listening');
  const startBytes = await memory();
  return {
    url,
    log,
    /** The attack goes on from before the first round to after the last. @param attack rejects or returns when it has done its part */
    async during(attack: (isOver: () => boolean) => Promise<unknown>): Promise<void> {
      let over = false;
      const attacks = attack(() => over);
      const task = tasks[name];
      const honest = joinFederation(url, { clients: [{ from: 0, count: HONEST }], task, workers: 1 });
      await next('waiting');
      await attacks;
      // And again, while the other rounds go on.
      const more = attack(() => over).catch(() => {});
      server.send('go on');
      const { modelHash } = await next('ended');
      over = true;
      const peakBytes = await memory();
      await Promise.all([more, honest]);
      const alone = await simulate(task, { ...sizeFor(clients, ROUNDS), evaluateEvery: 0, workers: 1 }).result;
      expect(modelHash).toBe(alone.modelHash);
      expect(peakBytes - startBytes).toBeLessThan(MEMORY_BYTES_MAX);
      await annotate(
        `at most ${((peakBytes - startBytes) / 1e6).toFixed(0)} MB above ${(startBytes / 1e6).toFixed(0)} MB`,
      );
    },
  };
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Sends what `message` makes, as fast as the line takes it, and reads nothing meanwhile. @returns how many messages left */
async function shout(
  evil: RawClient,
  count: number,
  isOver: () => boolean,
  message: (i: number) => Record<string, unknown>,
): Promise<number> {
  evil.deaf = true;
  let gone = false;
  void evil.closed.then(() => {
    gone = true;
  });
  let sent = 0;
  for (; sent < count && !gone && !isOver(); sent += 1) {
    evil.send(message(sent));
    while (evil.unsentBytes > 1 << 20 && !gone) await pause(1);
    if (sent % 64 === 0) await pause(0);
  }
  evil.deaf = false;
  return sent;
}

const many = (count: number, one: (i: number) => Promise<unknown>) =>
  Promise.allSettled(Array.from({ length: count }, (_, i) => one(i)));

describe('while honest rounds go on', () => {
  it('a hundred connections ask for the plan again and again, and take nothing', async ({ annotate }) => {
    const { url, during, log } = await attacked(annotate, 'plan', 204);
    await during((isOver) =>
      many(100, async () => {
        const evil = await RawClient.enter(url);
        const { workload } = (await evil.next('welcome')) as { workload: { hash: string } };
        await shout(evil, 50, isOver, () => ({ type: 'getPlan', hash: workload.hash }));
        await evil.closed;
      }),
    );
    expect(log().join('\n')).toMatch(
      /peer\.closed: The connection s\d+ of 127\.0\.0\.1:\d+ was closed\. protocol\.repeated/,
    );
  });

  it('the holder of 200 clients joins again and again, and takes nothing', async ({ annotate }) => {
    const { url, during, log } = await attacked(annotate, 'plan', 204);
    const join = { type: 'join', clients: Array.from({ length: 100 }, (_, i) => ({ from: HONEST + 2 * i, count: 1 })) };
    await during(async (isOver) => {
      const evil = await RawClient.enter(url);
      await evil.next('welcome');
      await shout(evil, 20_000, isOver, () => join);
      evil.kill();
    });
    expect(log().join('\n')).toMatch(/of 127\.0\.0\.1:\d+ was closed\. protocol\.owed/);
  });

  it('a hundred connections announce bodies that nobody asked for', async ({ annotate }) => {
    const { url, during, log } = await attacked(annotate, 'plan', 204);
    const hash = `sha256:${'0'.repeat(64)}`;
    const update = (stream: number) => ({
      type: 'update',
      ...{ task: stream % ROUNDS, attempt: 0, client: stream % HONEST },
      base: { model: 'model', number: 0, hash },
      facts: { sampleCount: 1, stepCount: 1 },
      trainMs: 1,
      body: { stream, bytes: 1 << 20 },
    });
    await during((isOver) =>
      many(100, async () => {
        const evil = await RawClient.enter(url);
        await evil.next('welcome');
        await shout(evil, 128, isOver, (i) => update(i + 1));
        await evil.next('decline', ({ stream }) => stream === 128);
        evil.kill();
      }),
    );
    expect(log().join('\n')).toMatch(
      /127\.0\.0\.1:\d+ client \d update\.(wrong-session|not-in-cohort|late|unknown-round)/,
    );
  });

  it('strangers report failures without end', async ({ annotate }) => {
    const { url, during, log } = await attacked(annotate, 'plan', 204);
    const failed = {
      type: 'failed',
      task: 0,
      attempt: 0,
      phase: 'train',
      code: 'attack.text',
      message: 'x'.repeat(4_000),
    };
    await during((isOver) =>
      many(10, async () => {
        const evil = await RawClient.enter(url);
        await evil.next('welcome');
        await shout(evil, 1_000, isOver, (i) => ({ ...failed, client: i % HONEST }));
        evil.kill();
      }),
    );
    expect(log().join('\n')).toMatch(/peer\.refusals: \d+ more refusals of 127\.0\.0\.1:\d+/);
    expect(log().length).toBeLessThan(1_000);
  });

  it('500 connections begin a frame of a megabyte before anybody knows who they are, and never end it', async ({
    annotate,
  }) => {
    const { url, during } = await attacked(annotate, 'plan', 204);
    const sockets: Socket[] = [];
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    await during(() =>
      many(500, async () => {
        const socket = await RawClient.halfAFrame(url, 1 << 20);
        sockets.push(socket);
      }),
    );
    expect(sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(300);
  });

  it.runIf(process.platform === 'linux')(
    '400 connections that say nothing leave 256 open files room for the run',
    async ({ annotate }) => {
      const { url, during } = await attacked(annotate, 'plan', 204, '256');
      const port = Number(new URL(url).port);
      const idle: Socket[] = [];
      onTestFinished(() => {
        for (const socket of idle) socket.destroy();
      });
      await during(async () => {
        for (let i = 0; i < 400; i += 1) {
          const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
          socket.on('error', () => {});
          idle.push(socket);
          await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
        }
      });
      expect(idle.some(({ destroyed }) => destroyed)).toBe(true);
    },
  );

  it('the holder of 2,000 clients answers an evaluation with all the numbers that a message holds', async ({
    annotate,
  }) => {
    const { url, during, log } = await attacked(annotate, 'own', 2_000 + HONEST);
    const list = Array.from({ length: 4_096 }, (_, i) => (i % 2) + 0.5);
    await during(async () => {
      const evil = await RawClient.enter(url);
      await evil.next('welcome');
      const results = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`r${i}`, list.map(() => 1)]));
      const greedy = await RawClient.enter(url);
      greedy.send({
        type: 'evaluations',
        round: 0,
        entries: [{ client: HONEST, sampleCount: 1, statistics: {}, results }],
      });
      expect(await greedy.closed).toMatch(/^protocol\.message/);
      evil.send({ type: 'join', clients: [{ from: HONEST, count: 2_000 }] });
      await evil.next('joined');
      // When the last round asks.
      void evil.next('evaluate').then(
        ({ round }) => {
          for (let client = HONEST; client < 2_000 + HONEST; client += 1) {
            const results = { a: list, b: list.slice(0, 4_000) };
            evil.send({ type: 'evaluations', round, entries: [{ client, sampleCount: 1, statistics: {}, results }] });
          }
        },
        () => {},
      );
    });
    expect(log().join('\n')).toMatch(/127\.0\.0\.1:\d+ client \d+ evaluation\.size: .* has 8096 numbers/);
  });
});
