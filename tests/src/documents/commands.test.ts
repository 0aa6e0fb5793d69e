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
      return [{ command, options, where }];
    });
}

describe('commands of the README and the guides', () => {
  const typed = [...READMES, ...GUIDES].flatMap(typedIn);

  it.each([...new Set(typed.map(({ command }) => command))])('%s has the options that they name', async (command) => {
    const place = await Workplace.create();
    const { stdout } = await place.run(`${command} --help`);
    expect(stdout).toContain(`Usage: fedloom ${command}`);
    // The second page of `runs`.
    const known = `${stdout}${command === 'runs' ? (await place.run('runs show --help')).stdout : ''}`;
    const missing = typed
      .filter((one) => one.command === command)
      .flatMap(({ options, where }) =>
        options
          .filter((option) => !new RegExp(`${option}(?![a-z-])`).test(known))
          .map((option) => `${where} ${option}`),
      );
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
