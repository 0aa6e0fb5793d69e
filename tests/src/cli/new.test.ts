import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describePython, PYTHON } from '../integration/python.js';
import { Workplace } from './fedloom.js';

const TEMPLATES = ['csv', 'images', 'texts', 'trainer', 'algorithm', 'pytorch'];

describe('fedloom new', () => {
  it.each(TEMPLATES)('makes a project of the template %s, the same each time', async (template) => {
    const place = await Workplace.create();
    for (const folder of ['Mine 1', 'mine-2']) {
      const { code, stdout, stderr } = await place.run(['new', folder, '--template', template]);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`in ${folder}: .gitignore, README.md, `);
      expect(stdout).toContain(
        folder === 'Mine 1' ? "npx fedloom run 'Mine 1/task.ts'" : 'npx fedloom run mine-2/task.ts',
      );
    }
    const read = async (folder: string, name: string) =>
      (await readFile(join(place.path, folder, name))).toString('hex');
    const names = await readdir(join(place.path, 'mine-2'), { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map(({ name, parentPath }) => join(parentPath, name));
    expect(files.length).toBeGreaterThan(6);
    for (const file of files) {
      const name = file.slice(join(place.path, 'mine-2').length + 1);
      if (name !== 'package.json') expect(await read('Mine 1', name), name).toBe(await read('mine-2', name));
    }
    const manifest = JSON.parse(await readFile(join(place.path, 'Mine 1', 'package.json'), 'utf8'));
    expect(manifest.name).toBe('mine-1');
  });

  it.each([
    ['full', /^fedloom: The folder full is not empty: .*Name one that does not exist yet\.\n$/, 1],
    [
      'full/file.txt',
      /^fedloom: Cannot make the project full\/file\.txt: a file of that name is in the way\. .*<folder>\.\n$/,
      1,
    ],
    [
      'full/file.txt/mine',
      /^fedloom: Cannot make the project .*: a part of the path is a file, not a folder\. .*\n$/,
      1,
    ],
    ['/proc/nope', /^fedloom: Cannot make the project \/proc\/nope: .*\n$/, 1],
    [
      'mine --template table',
      /^fedloom: .*'table' is invalid\. Allowed choices are csv, .* See fedloom new --help\.\n$/,
      2,
    ],
  ])('refuses %s and leaves everything as it is', async (args, message, exitCode) => {
    const place = await Workplace.create({ 'full/file.txt': 'mine' });
    const { code, stdout, stderr } = await place.run(`new ${args} ${args.includes('--') ? '' : '--template csv'}`);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([exitCode, '']);
    expect(await readdir(place.path, { recursive: true })).toEqual(['full', 'full/file.txt']);
  });

  it('takes text for texts', async () => {
    const place = await Workplace.create();
    expect(await place.run('new mine --template text')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^A project of the template texts in mine: /),
    });
  });

  it('names the templates where none is named, and asks nothing', async () => {
    const place = await Workplace.create();
    const { code, stderr } = await place.run('new mine');
    expect([code, stderr]).toEqual([
      2,
      "fedloom: required option '--template <name>' not specified. It is one of csv, images, texts, trainer, algorithm, pytorch, text. See fedloom new --help.\n",
    ]);
    const { stdout } = await place.run('new --help');
    for (const template of TEMPLATES) expect(stdout).toContain(template);
  });
});

describePython('fedloom new, with PyTorch', () => {
  it('makes a project that learns', async () => {
    const place = await Workplace.create();
    await place.run('new mine --template pytorch');
    const { code, stdout, stderr } = await place.run('run mine/task.ts 20 5 8 --json', { FEDLOOM_PYTHON: PYTHON });
    expect(code, stderr).toBe(0);
    const finished = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect(finished.metrics.accuracy).toBeGreaterThan(0.7);
  }, 120_000);
});
