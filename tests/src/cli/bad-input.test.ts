import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, type Ended, Workplace } from './fedloom.js';

/** One clear error: nothing but it on stderr, no stack trace. */
function refused(ended: Ended, code: number, message: string | RegExp): void {
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr).toMatch(/^fedloom: /m);
  expect(ended.stderr).not.toMatch(/^\s+at /m);
  expect(ended.code).toBe(code);
}

describe('arguments', () => {
  const cases: [args: string, message: string | RegExp][] = [
    ['', /^Usage: fedloom/m],
    ['rum task.ts', "unknown command 'rum'. Did you mean run?"],
    ['run', "missing required argument 'task'"],
    ['run task.ts --rouns 4', "unknown option '--rouns'. Did you mean --rounds? See fedloom run --help."],
    ['run task.ts 1 1 1 1', 'too many arguments'],
    ['run task.ts -5', 'CLIENTS must be a whole number of at least 1, but is "-5".'],
    ['run task.ts 5 2.5', 'PER_ROUND must be a whole number of at least 1, but is "2.5".'],
    ['run task.ts --rounds zero', '--rounds must be a whole number of at least 1, but is "zero".'],
    ['run task.ts --comm_round -1', '--rounds must be a whole number of at least 1, but is "-1".'],
    ['run task.ts 5 2 3 --rounds 4', 'ROUNDS is 3, but --rounds is 4.'],
    ['run task.ts 5 6 1', '6 clients a round were asked for, but the federation has only 5.'],
    ['run task.ts --set nonsense', '--set must be PATH=VALUE'],
    ['run task.ts --set training.batchsize=3', 'Did you mean "training.batchSize"?'],
    ['run task.ts --processes 10 5 3', 'can be read in two ways. Write --processes=P'],
    ['run task.ts --processes=0', '--processes must be a whole number from 1 to'],
    ['server task.ts --listen 8080', '--listen must be HOST:PORT'],
    ['server task.ts --listen 0.0.0.0:0', '--insecure'],
    ['server task.ts 4 2 1 --quorum 3 --listen 127.0.0.1:0', 'quorum is 3, but can be at most 2'],
    ['server task.ts --ping-every 0', '--ping-every must be a number of seconds above 0, but is "0".'],
    ['client --server example --index 1', '--server must be an address such as ws://'],
    ['client --server ws://127.0.0.1:9 --index 4-2', '"4-2" in "4-2" is not a client index'],
    ['client --index 1', "required option '--server <url>' not specified"],
  ];
  for (const [args, message] of cases) {
    it(`fedloom ${args}`, async () => {
      const place = await Workplace.create({ 'task.ts': CLOUDS });
      const ended = await place.run(args);
      expect(ended.code).toBe(2);
      expect(ended.stderr).toMatch(message);
      expect(ended.stderr.trim().split('\n').length === 1 || args === '').toBe(true);
      // Nothing is left of a run that could not begin.
      expect(await readdir(join(place.path, 'runs')).catch(() => [])).toEqual([]);
    });
  }

  it('with --json the error is also the last event', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const unknown = await place.run('run task.ts --rouns 4 --json');
    expect(JSON.parse(unknown.stdout)).toMatchObject({ event: 'error', code: 'usage.arguments' });
    const missing = await place.run('run tsk.ts --json');
    expect(JSON.parse(missing.stdout)).toEqual({
      event: 'error',
      code: 'task.not-found',
      message: 'There is no task file tsk.ts. Did you mean task.ts?',
    });
  });
});

it('an older Node is told at once, in one line', async () => {
  const older = "Object.defineProperty(process.versions, 'node', { value: '18.20.8' });";
  const place = await Workplace.create({ 'older.cjs': older });
  const ended = await place.run('--help', { NODE_OPTIONS: `--require ${join(place.path, 'older.cjs')}` });
  expect(ended).toMatchObject({ code: 1, stdout: '' });
  expect(ended.stderr).toBe(
    'fedloom: this is Node 18.20.8; fedloom needs Node 20.19 or later. See https://nodejs.org\n',
  );
});

describe('task files', () => {
  const cases: [name: string, text: string, message: string | RegExp][] = [
    ['without default export', 'export const a = 1;', 'task.ts has no default export.'],
    ['whose default export is no task', 'export default { name: 1 };', 'The default export of task.ts is no task.'],
    [
      'with a syntax error',
      'const a: number = 1;\nexport default a +* 3;\n',
      /task\.ts:2:19: syntax error: .*\n(?:.*\n)*?> 2 \| export default a \+\* 3;\n {4}\| {19}\^$/m,
    ],
    [
      'that throws',
      'interface A { a: number }\nconst a = undefined as unknown as A;\nexport default a.a;',
      /task\.ts:3:18: TypeError: Cannot read/,
    ],
    [
      'that imports what is not there',
      "import { x } from './other';\nexport default x;",
      /task\.ts:1:20: cannot find '\.\/other'/,
    ],
    [
      'that imports an unknown package',
      "import x from 'no-such-package';\nexport default x;",
      /task\.ts:1:\d+: cannot find 'no-such-package'.*npm install/,
    ],
    [
      'that imports what fedloom lacks',
      "import { fedAvgg } from 'fedloom';\nexport default fedAvgg();",
      'fedloom exports no \'fedAvgg\'. Did you mean "fedAvg"?',
    ],
    ['whose model is wrong', "import { dense } from 'fedloom';\n\nexport default dense(-1);", /task\.ts:3:\d+: /],
  ];
  for (const [name, text, message] of cases) {
    it(name, async () => {
      const place = await Workplace.create({ 'task.ts': text });
      refused(await place.run('run task.ts'), 1, message);
    });
  }

  // Threads are inside ONNX Runtime then, and one that is ended there aborts the process.
  it('that throw when the run has long begun, as far as threads go', async () => {
    const later = (ms: number) => `
      setTimeout(() => { throw new Error('too late'); }, ${ms});
      await new Promise((resolve) => setTimeout(resolve, 1000));`;
    for (const ms of [0, 30, 60, 90, 120, 150, 180]) {
      const place = await Workplace.create({ 'task.ts': later(ms) + CLOUDS });
      const { code, signal, stderr } = await place.run('run task.ts 4 2 2');
      expect({ code, signal }).toEqual({ code: 1, signal: null });
      expect(stderr).toContain('too late');
    }
  });

  it('missing', async () => {
    const place = await Workplace.create({ 'tasks/mnist.ts': CLOUDS });
    refused(
      await place.run('run tasks/minst.ts'),
      1,
      'There is no task file tasks/minst.ts. Did you mean tasks/mnist.ts?',
    );
    refused(await place.run('run tasks'), 1, 'tasks is a folder without a task.ts or task.js');
  });

  it('whose model and data do not fit', async () => {
    const place = await Workplace.create({
      'task.ts': CLOUDS.replace('dense(3)', 'conv2d(4, { kernel: 3 })').replace('dense,', 'conv2d,'),
    });
    refused(await place.run('run task.ts 4 2 1'), 1, /conv2d/);
  });

  it('an error shows its stack with --verbose', async () => {
    const place = await Workplace.create({ 'task.ts': "\nthrow new Error('boom');" });
    const { stderr } = await place.run('run task.ts --verbose');
    expect(stderr).toMatch(/task\.ts:2:7: Error: boom/);
    expect(stderr).toMatch(/^\s+at /m);
  });
});

describe("a task's own code that fails while the run goes on", () => {
  const failing = (train: string) => `
    import { defineTask } from 'fedloom';
    export default defineTask({
      name: 'failing',
      trainer: ({ index }) => ({
        getModelParams: () => ({ w: new Float32Array(3) }),
        setModelParams() {},
        async train() { ${train} },
        test: () => ({ results: { error: 1 }, sampleCount: 1 }),
      }),
    });`;

  it('in every client: the run fails, and says who failed and why', async () => {
    const place = await Workplace.create({ 'task.ts': failing("throw new Error('no luck ' + index);") });
    const ended = await place.run('run task.ts 4 2 3');
    refused(ended, 1, /^fedloom: Round 1 failed: .*clients 0-3/);
    expect(ended.stdout).toMatch(/warning: Client \d is lost to round 1: task\.ts:8:\d+: Error: no luck \d/);
    expect(ended.stdout).toMatch(/^Failed after 0 of 3 rounds\.$/m);
    expect((await place.run('runs list')).stdout).toContain(' failed ');
  });

  it('that never settles, with nothing left that could settle it: the run ends with one line', async () => {
    const place = await Workplace.create({
      'task.ts': failing('await new Promise(() => {}); return { sampleCount: 1 };'),
    });
    refused(await place.run('run task.ts 4 2 3'), 1, /^fedloom: .* never settles/);
  });

  it('where nobody awaits it: the run ends with one line', async () => {
    const stray = "Promise.reject(new Error('stray')); await new Promise(() => {}); return { sampleCount: 1 };";
    const place = await Workplace.create({ 'task.ts': failing(stray) });
    refused(await place.run('run task.ts 4 2 3'), 1, /^fedloom: unexpected error: stray\. Run again with --verbose/);
  });
});

describe('files and ports', () => {
  it('a run folder that cannot be made', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, file: '' });
    refused(await place.run('run task.ts 4 2 1 --out file'), 1, /Cannot make the run folder .*--out/);
    refused(await place.run('run task.ts 4 2 1 --out /proc/runs'), 1, /Cannot make the run folder .*--out/);
  });

  it('a model that is none', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    refused(
      await place.run('run task.ts 4 2 1 --init none'),
      1,
      'There is no model none: no such file, and no such run either.',
    );
    refused(await place.run('evaluate task.ts --model task.ts'), 1, 'task.ts is no model in safetensors format');
  });

  it('a port in use', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as { port: number };
    refused(
      await place.run(`server task.ts 4 2 1 --listen 127.0.0.1:${port}`),
      1,
      `Port ${port} of 127.0.0.1 is in use.`,
    );
    expect(await readdir(join(place.path, 'runs'))).toEqual([]);
    holder.close();
  });

  it('a server that is not there: told while waiting, and at the end', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const ended = await place.run('client task.ts --server ws://127.0.0.1:9 --index 0 --retry-for 1');
    refused(ended, 1, 'No server at ws://127.0.0.1:9 after 1 s');
    expect(ended.stdout).toContain('Waiting for the server at ws://127.0.0.1:9');
  });

  it('a client without data or task', async () => {
    const place = await Workplace.create();
    refused(await place.run('client --server ws://127.0.0.1:9 --index 0'), 1, '--data DIR');
  });

  it('a run that nobody knows', async () => {
    const place = await Workplace.create();
    refused(await place.run('runs show x'), 1, /There are no runs in .*runs: start one/);
  });

  it('a folder that holds other parts', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, 'parts/other': '' });
    refused(await place.run('partition task.ts --clients 2 --out parts'), 1, 'The folder parts is not empty.');
  });
});
