import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../core/node/sha256.js';
import { changesOf, hashOfFiles, taskFiles, withPythonFiles } from './task-files.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

/** Paths as they stand. */
const asWritten = (path: string, importer: string) => join(dirname(importer), path);
const found = (name = 'task.ts') => taskFiles(join(folder, name), asWritten);
const hashOf = (text: string) => sha256(new TextEncoder().encode(text));

describe('the files of a task', () => {
  it('are its own, those that it imports by their paths, and so on, each once, in order', async () => {
    const texts = {
      'task.ts': "import { a } from './z/a.ts';\nimport './b.js';\nimport fs from 'node:fs';\nimport x from 'package';",
      'z/a.ts':
        "export { c } from '../c.mjs';\nexport type { T } from \"./t.ts\";\nconst d = await import('./d.json');",
      'b.js': 'require(\'./z/a.ts\'); require( "./b.js" );',
      'c.mjs': '',
      'z/t.ts': "import '../task.ts';",
      'z/d.json': '{ "from": "from \'./never.ts\'" }',
    };
    await write(texts);
    const files = found();
    expect(Object.keys(files)).toEqual(['b.js', 'c.mjs', 'task.ts', 'z/a.ts', 'z/d.json', 'z/t.ts']);
    for (const [path, text] of Object.entries(texts)) expect(files[path]).toBe(hashOf(text));
  });

  it('may lie above its folder; what cannot be found is for the loader to say', async () => {
    await write({ 'runs/task.ts': "import '../common.ts';\nimport './missing.ts';", 'common.ts': '' });
    const resolve = (path: string, importer: string) =>
      path.includes('missing') ? undefined : asWritten(path, importer);
    expect(Object.keys(taskFiles(join(folder, 'runs/task.ts'), resolve))).toEqual(['../common.ts', 'task.ts']);
  });

  it('are those of code in Python too, with the modules beside it which it imports', async () => {
    await write({
      'task.ts': 'one',
      'f.py':
        'import os, models\nfrom .parts import head\n  from data.sets import a as b\nimport torch\n# import never',
      'models.py': 'import f',
      'parts.py': '',
      'data/sets.py': '',
      'never.py': '',
    });
    const files = withPythonFiles(found(), [join(folder, 'f.py'), join(folder, 'missing.py')], folder);
    expect(Object.keys(files)).toEqual(['data/sets.py', 'f.py', 'models.py', 'parts.py', 'task.ts']);
    expect(files['f.py']).not.toBe(files['models.py']);
    expect(withPythonFiles(found(), [], folder)).toEqual(found());
  });

  it('have the hash of the file where there is one, else of all', async () => {
    await write({ 'task.ts': 'one' });
    expect(hashOfFiles(found())).toBe(hashOf('one'));
    await write({ 'task.ts': "import './a.ts'", 'a.ts': '1' });
    const before = hashOfFiles(found());
    await write({ 'a.ts': '2' });
    expect(hashOfFiles(found())).not.toBe(before);
    await write({ 'a.ts': '1' });
    expect(hashOfFiles(found())).toBe(before);
  });

  it('are told by what became of each', () => {
    expect(changesOf({ a: '1', b: '2', c: '3' }, { a: '1', b: '9', d: '4' })).toEqual([
      'b changed',
      'c is gone',
      'd is new',
    ]);
    expect(changesOf({ a: '1' }, { a: '1' })).toEqual([]);
  });
});
