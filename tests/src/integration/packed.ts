import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../repository/source-tree.js';

const exec = promisify(execFile);

/** The packages that nobody can do without. */
const PACKAGES = ['engine', 'fedloom'];

/** A Node and the npm that came with it. */
export interface Installation {
  readonly name: string;
  readonly node: string;
  /** Its script; default: the command that is installed. */
  readonly npm?: string;
}

const others = join(root, 'node_modules/.cache/nodes/node_modules');
const other = (version: number, npm: number): Installation => ({
  name: `Node ${version} with npm ${npm}`,
  node: join(others, `node${version}`, 'bin/node'),
  npm: join(others, `npm${npm}`, 'bin/npm-cli.js'),
});

/** What `install-nodes.sh` installs: the versions of Node that users have, by npm's packages of its binaries. */
export const installations: readonly Installation[] = [
  { name: 'this Node with npm 10', node: process.execPath, npm: join(others, 'npm10', 'bin/npm-cli.js') },
  other(22, 10),
  other(24, 11),
];

export const areInstalled = installations.every(({ node, npm = node }) => existsSync(node) && existsSync(npm));

const ours: Installation = { name: 'this Node', node: process.execPath };

/** The packages as they would be published, in a folder of their own. */
export async function packPackages(): Promise<{ readonly files: readonly string[]; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-tarballs-'));
  const pack = (cwd: string) => exec('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd });
  for (const name of PACKAGES) await pack(join(root, 'packages', name));
  // Libraries of other systems are 240 MB, which take a minute to pack and are not used here.
  const runtime = await mkdtemp(join(tmpdir(), 'fedloom-runtime-'));
  const here = join('bin', 'napi-v6', process.platform, process.arch);
  const source = join(root, 'packages', 'onnxruntime');
  const isForOthers = (path: string) => /bin[\\/]napi-v6[\\/][^\\/]+[\\/]/.test(path) && !path.includes(here);
  await cp(source, runtime, { recursive: true, filter: (path) => !isForOthers(path) });
  await pack(runtime);
  await rm(runtime, { recursive: true });
  const files = (await readdir(folder)).map((file) => join(folder, file));
  return { files, remove: () => rm(folder, { recursive: true }) };
}

/** A new user's folder: no settings, no variables, an empty home. */
export class NewProject {
  private constructor(
    readonly folder: string,
    readonly environment: NodeJS.ProcessEnv,
    private readonly installation: Installation,
  ) {}

  static async create(installation = ours): Promise<NewProject> {
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-project-'));
    const home = `${folder}-home`;
    await mkdir(home);
    await writeFile(join(folder, 'package.json'), '{ "name": "project", "private": true, "type": "module" }\n');
    const path = [dirname(installation.node), process.env.PATH].join(delimiter);
    return new NewProject(folder, { PATH: path, HOME: home, ...(await wayToRegistry()) }, installation);
  }

  get home(): string {
    return this.environment.HOME ?? '';
  }

  npm(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const { npm } = this.installation;
    return npm === undefined ? exec('npm', args, this.place) : this.node(npm, ...args);
  }

  /** The installed command. */
  fedloom(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
    return this.node(join('node_modules', '.bin', 'fedloom'), ...args);
  }

  node(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
    return exec(this.installation.node, args, this.place);
  }

  /** Where its commands run. */
  get place(): { readonly cwd: string; readonly env: NodeJS.ProcessEnv } {
    return { cwd: this.folder, env: this.environment };
  }

  async remove(): Promise<void> {
    for (const folder of [this.folder, this.home]) await rm(folder, { recursive: true, force: true });
  }
}

/** How this machine gets to npm's registry, where it needs to be told. */
async function wayToRegistry(): Promise<NodeJS.ProcessEnv> {
  const settings = ['registry', 'cafile', 'proxy', 'https-proxy'];
  const { stdout } = await exec('npm', ['config', 'get', ...settings], { cwd: tmpdir() });
  const given = stdout.split('\n').flatMap((line) => {
    const [, name = '', value = ''] = /^([^=]+)=(.+)$/.exec(line) ?? [];
    return value === '' || value === 'null' ? [] : [[`npm_config_${name.replaceAll('-', '_')}`, value]];
  });
  return Object.fromEntries(given);
}
