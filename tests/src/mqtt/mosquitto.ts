import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Debian puts it where only administrators look. */
const PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;
const INSTALL = 'tests/src/mqtt/install.sh';
const installed = spawnSync('mosquitto', ['-h'], { env: { ...process.env, PATH } }).error === undefined;

/** Without it such tests are skipped, but not where everything must be tested. */
export const skipsMosquitto = !installed && process.env.CI !== 'true';
export const mosquittoTitle = installed ? 'mosquitto' : `mosquitto (${INSTALL})`;

/** A real broker on a free port of loopback, which can be ended and started again. */
export class Mosquitto {
  #process: ChildProcess | undefined;
  #log = '';

  /** @param lines of its configuration; `{dir}` is its folder, where the files are */
  static async start(
    lines: readonly string[] = ['allow_anonymous true'],
    files: Readonly<Record<string, string>> = {},
  ) {
    if (!installed) throw new Error(`mosquitto is needed: ${INSTALL}`);
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-mosquitto-'));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o644 });
    const port = await freePort();
    const own = [`user root`, `listener ${port} 127.0.0.1`, 'set_tcp_nodelay true', 'persistence false'];
    const all = [...own, ...lines].map((line) => line.replaceAll('{dir}', folder));
    await writeFile(join(folder, 'mosquitto.conf'), `${all.join('\n')}\n`);
    const broker = new Mosquitto(folder, port);
    await broker.run();
    return broker;
  }

  private constructor(
    readonly folder: string,
    readonly port: number,
  ) {}

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get log(): string {
    return this.#log;
  }

  async run(): Promise<void> {
    const child = spawn('mosquitto', ['-c', join(this.folder, 'mosquitto.conf')], { env: { ...process.env, PATH } });
    this.#process = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
    const ended = new Promise<never>((_resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`mosquitto ended: ${this.#log}`)));
    });
    ended.catch(() => {});
    await Promise.race([ended, this.#listens()]);
  }

  async end(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async dispose(): Promise<void> {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #listens(): Promise<void> {
    for (;;) {
      const open = await new Promise<boolean>((resolve) => {
        const socket = connect(this.port, '127.0.0.1');
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
        socket.once('connect', () => socket.destroy());
      });
      if (open) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}
