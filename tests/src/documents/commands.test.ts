/** What the README and the guides tell to type: the commands and their options are there, and modules are what the compiler takes. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Workplace } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';
import { blocksOf } from './blocks.js';
import { PageFolder } from './page-folder.js';

const READMES = ['README.md', 'README.zh-CN.md'];
const GUIDES = readdirSync(join(root, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);

interface Typed {
  readonly command: string;
  /** Perhaps a command within it. */
  readonly next: string;
  readonly options: readonly string[];
  readonly where: string;
}

/** Lines that call fedloom, those that go on in the next one joined. */
function typedIn(page: string): Typed[] {
  return blocksOf(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text, line }) =>
      text
        .replace(/\\\n/g, ' ')
        .split('\n')
        .map((one) => ({ one, where: `${page}:${line}` })),
    )
    .flatMap(({ one, where }) => {
      const [, command, rest = ''] = /\bnpx fedloom ([a-z][a-z-]*)([^#|]*)/.exec(one) ?? [];
      if (command === undefined) return [];
      // What is in quotes is a value.
      const words = rest.replace(/'[^']*'/g, '').split(/\s+/);
      const options = words.filter((word) => word.startsWith('--')).map((word) => word.replace(/=.*/, ''));
      return [{ command, next: words.find((word) => word !== '') ?? '', options, where }];
    });
}

describe('commands of the README and the guides', () => {
  const typed = [...READMES, ...GUIDES].flatMap(typedIn);

  it.each([...new Set(typed.map(({ command }) => command))])('%s has the options that they name', async (command) => {
    const place = await Workplace.create();
    const { stdout } = await place.run(`${command} --help`);
    expect(stdout).toContain(`Usage: fedloom ${command}`);
    const helps: Record<string, string> = {};
    const missing: string[] = [];
    for (const { next, options, where } of typed.filter((one) => one.command === command)) {
      const inner = stdout.includes(`\n  ${next} `) && stdout.includes('\nCommands:') ? next : undefined;
      if (inner !== undefined) helps[inner] ??= (await place.run(`${command} ${inner} --help`)).stdout;
      const known = inner === undefined ? stdout : helps[inner];
      missing.push(
        ...options
          .filter((option) => !new RegExp(`${option}(?![a-z-])`).test(known ?? ''))
          .map((option) => `${where} ${option}`),
      );
    }
    expect(missing).toEqual([]);
  });
});

it.each(READMES)('modules of %s are what the compiler takes', async (page) => {
  const folder = await PageFolder.create();
  onTestFinished(() => folder.remove());
  const modules = blocksOf(page).filter(({ language }) => language === 'ts');
  expect(modules.length).toBeGreaterThan(1);
  for (const block of modules) await folder.keep(block);
  await folder.checkTypes();
});
