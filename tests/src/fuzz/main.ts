/**
 * Fuzzes what reads bytes from outside, guided by the code that runs: `npm run fuzz -- TARGET... [--seconds 60] [--seed N] [--keep]`, or
 * `--all` in place of targets. An input that shows a bug is put into tests/corpus, where the tests read it; `--keep` puts there
 * what runs other code than what lies there does.
 */

import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CORPUS } from './corpus.js';
import { runThread } from './run-thread.js';
import { TARGETS, targetNamed } from './targets.js';

/** Kept ones are read by every run of the tests, and lie in the repository. */
const KEPT_BYTES_MAX = 1_500;
const KEPT_MAX = 40;
/** What lies there for good: inputs that have shown bugs, and those that were put there by hand. */
const FOR_GOOD = /^(?:bug|given)-/;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    all: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const names = values.all ? Object.keys(TARGETS) : positionals;
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
if (names.length === 0 || names.some((name) => !(name in TARGETS)) || !(seconds > 0) || !Number.isInteger(seed)) {
  const known = Object.keys(TARGETS).join(' ');
  console.error(`npm run fuzz -- TARGET... [--seconds 60] [--seed N] [--keep], or --all; targets are\n  ${known}`);
  process.exit(2);
}
for (const name of names) if (!(await fuzz(name))) process.exitCode = 1;

/** @returns whether nothing was found */
async function fuzz(name: string): Promise<boolean> {
  const { reads, blocks, reaching, bug } = await runThread(name, seconds, seed);
  console.log(`${name}: ${reads} inputs in ${seconds} s (seed ${seed}), ${blocks} blocks of code ran`);
  if (bug === undefined) {
    if (values.keep) await keep(name, reaching);
    return true;
  }
  const folder = join(CORPUS, name);
  await mkdir(folder, { recursive: true });
  const path = join(folder, `bug-${nameOf(bug.input)}`);
  await writeFile(path, bug.input);
  console.error(`${name}: ${bug.error}\nThe input lies in ${path}: mend the bug, and commit both.`);
  return false;
}

/** The last that were found go farthest. */
async function keep(name: string, reaching: readonly Uint8Array[]): Promise<void> {
  const folder = join(CORPUS, name);
  await mkdir(folder, { recursive: true });
  const files = await readdir(folder);
  for (const file of files.filter((one) => !FOR_GOOD.test(one))) await rm(join(folder, file));
  const seeds = new Set([...(await (await targetNamed(name)).seeds())].map(nameOf));
  const kept = reaching.filter((input) => input.length <= KEPT_BYTES_MAX && !seeds.has(nameOf(input))).slice(-KEPT_MAX);
  for (const input of kept) await writeFile(join(folder, nameOf(input)), input);
}

function nameOf(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 16);
}
