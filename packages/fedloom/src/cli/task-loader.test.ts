import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as engine from '@fedloom/engine';
import { FedloomError } from '@fedloom/engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as fedloom from '../index.js';
import { isTask } from '../task/define-task.js';
import { originalColumn, userFrame } from './source-position.js';
import { loadTask } from './task-loader.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-load-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const TRAINER = `{
  name: 'small',
  trainer: () => ({
    getModelParams: () => ({ w: [1] }), setModelParams() {}, train: () => ({ sampleCount: 1 }),
    test: () => ({ results: {}, sampleCount: 0 }),
  }),
}`;

describe('loadTask', () => {
  for (const name of ['task.ts', 'task.mts', 'task.js', 'task.mjs']) {
    it(`loads a ${name} with one instance of fedloom`, async () => {
      const path = await write(
        name,
        `import * as all from 'fedloom';
         import { FedloomError } from '@fedloom/engine';
         globalThis.loaded = { all, FedloomError };
         const later = await Promise.resolve(${TRAINER});
         export default all.defineTask(later);`,
      );
      const { task, file } = await loadTask(path);
      expect(file).toBe(path);
      expect(task.name).toBe('small');
      expect(isTask(task)).toBe(true);
      const { loaded } = globalThis as unknown as { loaded: { all: typeof fedloom; FedloomError: unknown } };
      expect(loaded.all.defineTask).toBe(fedloom.defineTask);
      expect(loaded.all.FedloomError).toBe(FedloomError);
      expect(loaded.FedloomError).toBe(engine.FedloomError);
    });
  }

  it('has data sets look for their files beside the task file', async () => {
    await write('rows.csv', 'a,y\n1,0\n2,1\n');
    const path = await write(
      'task.ts',
      `import { csv, defineTask, dense, sequential, sgd, softmaxCrossEntropy } from 'fedloom';
       export default defineTask({
         name: 'rows', data: csv('rows.csv', { label: 'y', classes: 2 }), model: sequential([dense(2)]), loss: softmaxCrossEntropy(),
         training: { localEpochs: 1, batchSize: 1, optimizer: sgd({ learningRate: 0.1 }) },
       });`,
    );
    const { task } = await loadTask(path);
    if (task.kind !== 'plan') throw new Error('no plan');
    expect((await task.data.load('train')).x.shape).toEqual([2, 1]);
  });

  it('takes what the task imports from files and packages beside it', async () => {
    await write('node_modules/names/package.json', '{ "name": "names", "type": "module", "exports": "./index.js" }');
    await write('node_modules/names/index.js', "export const prefix = 'very';");
    await write('parts/name.ts', "import { prefix } from 'names';\nexport const name: string = prefix + '-small';");
    const text = `import { defineTask } from 'fedloom';\nimport { name } from './parts/name';\nexport default defineTask({ ...(${TRAINER}), name });`;
    const path = await write('task.ts', text);
    expect((await loadTask(path)).task.name).toBe('very-small');
    expect((await loadTask(folder)).task.name).toBe('very-small');
    // Its hash is of its own files, whatever they are called where they are imported; packages have versions.
    const { files, hash } = await loadTask(path);
    expect(Object.keys(files)).toEqual(['parts/name.ts', 'task.ts']);
    await write('parts/name.ts', "export const name = 'other';");
    const changed = await loadTask(path);
    expect([changed.task.name, changed.files['task.ts']]).toEqual(['other', files['task.ts']]);
    expect(changed.hash).not.toBe(hash);
  });

  it('sees a file that was changed', async () => {
    const text = (name: string) =>
      `import { defineTask } from 'fedloom';\nexport default defineTask({ ...(${TRAINER}), name: '${name}' });`;
    const path = await write('task.ts', text('one'));
    expect((await loadTask(path)).task.name).toBe('one');
    await write('task.ts', text('two'));
    expect((await loadTask(path)).task.name).toBe('two');
  });

  it('says where in the file fedloom refused the task', async () => {
    const path = await write(
      'task.ts',
      "import { defineTask } from 'fedloom';\n\nexport default defineTask({ name: '' } as any);",
    );
    const error = await loadTask(path).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'task.load', fields: { file: path, line: 3, column: 16 } });
    expect((error as FedloomError).cause).toMatchObject({ code: 'task.definition' });
  });

  it('says where in a helper of the task an error was thrown', async () => {
    const helper = await write('helper.ts', 'export function help(): never {\n  throw new RangeError(`too far`);\n}');
    const path = await write('task.ts', "import { help } from './helper';\nexport default help();");
    await expect(loadTask(path)).rejects.toMatchObject({
      code: 'task.load',
      fields: { file: helper, line: 2, column: 9 },
    });
  });

  it('takes thrown values that are no errors', async () => {
    await expect(loadTask(await write('task.ts', "throw 'text';"))).rejects.toThrow(/threw text/);
    await expect(loadTask(await write('object.ts', 'throw { code: 3 };'))).rejects.toThrow(/threw \{ code: 3 \}/);
  });
});

describe('originalColumn', () => {
  it('finds the word again after types were taken away and code was put before it', () => {
    expect(originalColumn('  return (undefined as any).foo;', '  return undefined.foo;', 20)).toBe(29);
    expect(originalColumn('export default a.a;', 'var _default = exports.default = a.a;', 36)).toBe(18);
    expect(originalColumn('f<Map<string, A>>(g());', '(0, _x.f)(g());', 11)).toBe(19);
  });

  it('falls back on the first column that is not blank', () => {
    expect(originalColumn('  x();', 'x();', 400)).toBe(3);
    expect(originalColumn('  x();', 'y();', 1)).toBe(3);
  });
});

it('userFrame passes over the code of packages, of Node and of fedloom', async () => {
  const path = await write('task (1).ts', 'a\nb\nc');
  const stack = [
    'Error: x',
    '    at inner (node:internal/x:1:1)',
    `    at dense (${join(dirname(new URL(import.meta.url).pathname), '../index.js')}:3:4)`,
    `    at other (${folder}/node_modules/a/index.js:1:1)`,
    `    at Object.make [as x] (file://${folder}/task%20(1).ts:2:7)`,
    `    at ${path}:3:1`,
  ].join('\n');
  expect(userFrame(stack)).toEqual({ file: path, line: 2, column: 7 });
  expect(userFrame(`Error: x\n    at ${path}:3:1`)).toEqual({ file: path, line: 3, column: 1 });
  expect(userFrame('Error: x\n    at <anonymous>')).toBe(undefined);
});
