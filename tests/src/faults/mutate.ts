import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PRODUCT = 'packages/fedloom/dist';
const HARNESS = 'tests/dist/faults';

/** What became of a deliberate bug. */
export interface Caught {
  readonly mutant: Mutant;
  /** The seeds that it took; undefined: it was not found. */
  readonly seeds: number | undefined;
  /** What the first of them said. */
  readonly said: string;
}

/** A copy of the compiled product and of the simulation, in which one bug at a time is made. */
export class MutantHouse {
  private constructor(private readonly folder: string) {}

  static async build(): Promise<MutantHouse> {
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-mutants-'));
    for (const part of [PRODUCT, HARNESS]) {
      await cp(join(ROOT, part), join(folder, part), {
        recursive: true,
        filter: (path) => !/\.(map|d\.ts|test\.js|tsbuildinfo)$/.test(path),
      });
    }
    for (const file of ['package.json', 'packages/fedloom/package.json'])
      await cp(join(ROOT, file), join(folder, file));
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    return new MutantHouse(folder);
  }

  /**
   * Simulates until a seed fails.
   * @throws Error when a text that it is to change does not stand there once
   */
  async catch(mutant: Mutant, seedsMax: number): Promise<Caught> {
    const path = this.#path(mutant);
    const before = await readFile(path, 'utf8');
    await writeFile(path, mutated(before, mutant));
    try {
      const { code, output } = await run(join(this.folder, HARNESS, 'main.js'), [
        `--seeds=${seedsMax}`,
        '--until-failure',
      ]);
      const [first = ''] = output.split('\n');
      const seed = /^seed (\d+): (.*)/.exec(first);
      if (code === 0) return { mutant, seeds: undefined, said: '' };
      if (seed === null) throw new Error(`Mutant "${mutant.name}" does not run: ${output}`);
      return { mutant, seeds: Number(seed[1]) + 1, said: seed[2] ?? '' };
    } finally {
      await writeFile(path, before);
    }
  }

  /** @throws Error when a text that the mutant is to change does not stand there once */
  async check(mutant: Mutant): Promise<void> {
    mutated(await readFile(this.#path(mutant), 'utf8'), mutant);
  }

  #path({ file }: Mutant): string {
    return join(this.folder, PRODUCT, file);
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** @throws Error */
function mutated(code: string, { name, file, edits }: Mutant): string {
  let changed = code;
  for (const [text, instead] of edits) {
    const times = changed.split(text).length - 1;
    if (times !== 1) throw new Error(`Mutant "${name}": ${file} has ${times} times, not once: ${text}`);
    changed = changed.replace(text, () => instead);
  }
  return changed;
}

function run(
  script: string,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
