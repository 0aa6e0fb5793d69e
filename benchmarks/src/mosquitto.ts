import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Debian puts it where only administrators look. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

export const mosquittoMissing =
  spawnSync('mosquitto', ['-h'], { env }).error === undefined
    ? undefined
    : 'mosquitto is not installed: no figures with it. Install it with tests/src/mqtt/install.sh.';

/** Runs `work` beside a broker of its own on loopback, as the system configures none but for Nagle's algorithm and the limit on queues, which are off. */
export async function withMosquitto<T>(work: (url: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-mosquitto-'));
  const port = await freePort();
  const lines = [
    'user root',
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'set_tcp_nodelay true',
    'max_queued_messages 0',
  ];
  await writeFile(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n`);
  const child = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], { env, stdio: 'ignore' });
  try {
    while (!(await listens(port))) await new Promise((resolve) => setTimeout(resolve, 20));
    return await work(`mqtt://127.0.0.1:${port}`);
  } finally {
    child.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}
