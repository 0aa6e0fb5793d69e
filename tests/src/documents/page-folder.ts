/** An empty folder in which a page's reader does what the page says, from its top to its end. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PYTHON } from '../integration/python.js';
import { root } from '../repository/source-tree.js';
import type { Block } from './blocks.js';

const call = promisify(execFile);
const MODULES = join(root, 'node_modules');
const JITI = join(MODULES, 'jiti/lib/jiti-cli.mjs');

/** As strict as a careful user's own. */
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    module: 'nodenext',
    target: 'es2022',
    noEmit: true,
    allowImportingTsExtensions: true,
    types: ['node'],
    skipLibCheck: true,
  },
  // Projects that a page makes have folders of their own.
  include: ['*.ts'],
};

export class PageFolder {
  private constructor(readonly path: string) {}

  static async create(): Promise<PageFolder> {
    const path = await mkdtemp(join(tmpdir(), 'fedloom-page-'));
    await symlink(MODULES, join(path, 'node_modules'));
    await writeFile(join(path, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    await writeFile(join(path, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    return new PageFolder(path);
  }

  /** Does what a block is for: a file is written, a command and a module are run. */
  async use(block: Block): Promise<void> {
    const { language, file, text } = block;
    if (file !== undefined) await this.#write(file, text);
    else if (language === 'sh') await this.#run('sh', ['-ec', text]);
    else if (language === 'ts') await this.#run(process.execPath, [JITI, await this.keep(block)]);
  }

  /** Writes a module down. @returns the name of its file */
  async keep({ text, line }: Block): Promise<string> {
    const name = `line-${line}.ts`;
    await this.#write(name, text);
    return name;
  }

  /** The modules of the page, as the compiler sees them. */
  async checkTypes(): Promise<void> {
    await this.#run(join(MODULES, '.bin/tsc'), ['-p', '.']);
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }

  async #write(file: string, text: string): Promise<void> {
    const path = join(this.path, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  async #run(command: string, args: readonly string[]): Promise<void> {
    const env = {
      ...process.env,
      PATH: `${dirname(PYTHON)}${delimiter}${process.env.PATH}`,
      FEDLOOM_PYTHON: PYTHON,
      FEDLOOM_COMMAND: join(MODULES, '.bin/fedloom'),
      PYTHONPATH: join(root, 'python/src'),
      OMPI_ALLOW_RUN_AS_ROOT: '1',
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
      NO_COLOR: '1',
    };
    try {
      await call(command, [...args], { cwd: this.path, env });
    } catch (error) {
      const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string };
      throw new Error(`${stdout}\n${stderr}`.slice(-4000), { cause: error });
    }
  }
}
