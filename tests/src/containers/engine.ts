/** The engine of tools/containers, which ends with the test that started it, and the containers in it. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { JsonLine } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';

const TOOL = join(root, 'tools/containers');
const OUTPUT_BYTES_MAX = 64 << 20;
const POLL_MS = 100;

interface Requirements {
  missing(): string | undefined;
}

/** Why no engine can be started here, with how to mend it; undefined where one can. */
export async function whyNoEngine(): Promise<string | undefined> {
  const { missing } = (await import(pathToFileURL(join(TOOL, 'requirements.js')).href)) as Requirements;
  return process.env.FEDLOOM_ENGINE ? undefined : missing();
}

const call = promisify(execFile);
/** Compose 2 is a part of docker; the one before it, which Debian has, a command of its own. */
export const COMPOSE =
  spawnSync('docker', ['compose', 'version']).status === 0
    ? (['docker', 'compose'] as const)
    : (['docker-compose'] as const);

export class Engine {
  readonly #tool: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** @param host for DOCKER_HOST */
  private constructor(
    tool: ChildProcess,
    ended: Promise<unknown>,
    readonly host: string,
  ) {
    this.#tool = tool;
    this.#ended = ended;
  }

  /** Builds the image `fedloom` of this tree and starts the engine that has it. */
  static async start(): Promise<Engine> {
    const tool = spawn(process.execPath, [join(TOOL, 'main.js'), 'serve'], {
      // Images are kept where those of the user who tests are: making them anew takes minutes.
      env: { ...process.env, XDG_CACHE_HOME: '' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let said = '';
    tool.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = new Promise((resolve, reject) => tool.once('close', resolve).once('error', reject));
    const host = await new Promise<string>((resolve, reject) => {
      let printed = '';
      tool.stdout.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        const [, found] = /^export DOCKER_HOST=(.*)\n/m.exec(printed) ?? [];
        if (found !== undefined) resolve(found);
      });
      ended.then(() => reject(new Error(`no engine:\n${said.split('\n').slice(-40).join('\n')}`)), reject);
    });
    return new Engine(tool, ended, host);
  }

  async stop(): Promise<void> {
    this.#tool.stdin?.end();
    await this.#ended;
  }

  /** @returns what `docker` printed. */
  async docker(...args: readonly string[]): Promise<string> {
    return (await this.#call('docker', args, {})).stdout.trim();
  }

  /** deploy/compose.yaml as a project of its own. */
  project(name: string, settings: Readonly<Record<string, string | number>>): Project {
    const env = Object.fromEntries(Object.entries(settings).map(([setting, value]) => [setting, String(value)]));
    const [program, ...words] = COMPOSE;
    const args = [...words, '--file', join(root, 'deploy/compose.yaml'), '--project-name', name];
    return new Project(this, async (command) => {
      await this.#call(program, [...args, ...command], env);
    });
  }

  /** Runs a line of shell in a container with this as its input. */
  async feed(container: string, line: string, input: string | Uint8Array): Promise<void> {
    const running = this.#call('docker', ['exec', '--interactive', container, 'sh', '-c', line], {});
    running.child.stdin?.end(input);
    await running;
  }

  /** The exit code of a command in a container, and what it printed. */
  async exec(container: string, ...command: readonly string[]): Promise<{ code: number; stdout: string }> {
    try {
      return { code: 0, stdout: await this.docker('exec', container, ...command) };
    } catch (error) {
      const { code, stdout } = error as { readonly code: number; readonly stdout: string };
      return { code, stdout: stdout.trim() };
    }
  }

  /** Kills the program of a container as a fault would: the engine does not know that it is meant. */
  async crash(container: string): Promise<void> {
    await this.docker('exec', container, 'sh', '-c', 'kill -9 $(cat /proc/1/task/1/children)');
  }

  address(container: string): Promise<string> {
    return this.docker('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', container);
  }

  /** What a container has printed so far, as the lines of `--json`. */
  async events(container: string): Promise<JsonLine[]> {
    const { stdout } = await this.#call('docker', ['logs', container], {});
    return stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as JsonLine);
  }

  /** The first event of a name, as soon as it is there; fails when the container has ended without it. */
  async event(container: string, name: string, test: (event: JsonLine) => boolean = () => true): Promise<JsonLine> {
    for (;;) {
      const running = (await this.docker('inspect', '--format', '{{.State.Status}}', container)) !== 'exited';
      const found = (await this.events(container)).find((event) => event.event === name && test(event));
      if (found !== undefined) return found;
      if (!running) throw new Error(`${container} ended without event ${name}:\n${await this.words(container)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** All that a container has said, for a person to read. */
  async words(container: string): Promise<string> {
    const { stdout, stderr } = await this.#call('docker', ['logs', container], {});
    return `${stdout}\n${stderr}`;
  }

  #call(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    return call(command, [...args], {
      env: { ...process.env, ...env, DOCKER_HOST: this.host, DOCKER_BUILDKIT: '0' },
      maxBuffer: OUTPUT_BYTES_MAX,
    });
  }
}

/** The containers of one project of compose. */
export class Project {
  constructor(
    readonly engine: Engine,
    readonly compose: (command: readonly string[]) => Promise<void>,
  ) {}

  up(): Promise<void> {
    return this.compose(['up', '--detach', '--no-build']);
  }

  /** Takes containers, networks and volumes away. */
  down(): Promise<void> {
    return this.compose(['down', '--volumes', '--timeout', '2']);
  }

  /** Containers of a service, ascending by their numbers. */
  async containers(service: string): Promise<string[]> {
    const format = '{{.Label "com.docker.compose.container-number"}} {{.Names}}';
    const filter = `label=com.docker.compose.service=${service}`;
    const lines = (await this.engine.docker('ps', '--all', '--filter', filter, '--format', format)).split('\n');
    return lines
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .map((line) => line.split(' ')[1] ?? '');
  }
}
