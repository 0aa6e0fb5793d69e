/** What the pages in docs/ tell their reader to write and to run does what they say. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describePython } from '../integration/python.js';
import { root } from '../repository/source-tree.js';
import { blocksOf } from './blocks.js';
import { PageFolder } from './page-folder.js';

/** Run in containers. */
const ELSEWHERE = ['docs/cluster.md'];
const PAGE_MS = 180_000;

const hasMpi = spawnSync('mpirun', ['--version']).status === 0 || process.env.CI === 'true';
const MPI_MISSING = 'mpirun is missing: apt-get install openmpi-bin libopenmpi-dev g++';

const pages = readdirSync(join(root, 'docs'))
  .filter((name) => name.endsWith('.md') && !name.includes('.zh-CN.'))
  .map((name) => `docs/${name}`);

for (const page of pages.filter((name) => !ELSEWHERE.includes(name))) {
  const blocks = blocksOf(page);
  const needsPython = blocks.some(({ language }) => language === 'python');
  const lacksMpi = !hasMpi && blocks.some(({ language, text }) => language === 'sh' && /\bmpirun\b/.test(text));
  (needsPython ? describePython : describe)(page, () => {
    it(
      'does what it says',
      async ({ skip }) => {
        skip(lacksMpi, MPI_MISSING);
        const folder = await PageFolder.create();
        onTestFinished(() => folder.remove());
        for (const block of blocks) {
          await folder.use(block).catch((error: unknown) => {
            throw new Error(`${page}:${block.line}`, { cause: error });
          });
        }
        if (blocks.some(({ language }) => language === 'ts')) await folder.checkTypes();
      },
      PAGE_MS,
    );
  });
}

/** Without what is there for its reader alone. */
const withoutComments = (text: string) => text.replace(/\s*(?:#|\/\/) .*$/gm, '');

it.each(pages.filter((page) => existsSync(join(root, page.replace(/\.md$/, '.zh-CN.md')))))(
  '%s has the same blocks in Chinese',
  (page) => {
    const codeOf = (name: string) =>
      blocksOf(name)
        .filter(({ language }) => language !== 'text')
        .map(({ language, file, text }) => [language, file, withoutComments(text)]);
    expect(codeOf(page.replace(/\.md$/, '.zh-CN.md'))).toEqual(codeOf(page));
  },
);
