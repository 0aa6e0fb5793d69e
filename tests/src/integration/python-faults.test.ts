/** What goes wrong in trainers in Python, and in who starts them. */
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineTask, krum, type PythonTrainerOptions, pythonTrainer, type Run, scaffold, simulate } from 'fedloom';
import { afterEach, expect, it } from 'vitest';
import { describePython, PYTHON } from './python.js';

const NUMPY = `
import os
import numpy as np

class Trainer:
    def __init__(self, model):
        self.w = np.zeros((2, 3), np.float32)
    def set_id(self, index):
        self.id = index
    def get_model_params(self):
        return {"w": self.w, "steps": np.int64(4)}
    def set_model_params(self, params):
        self.w = params["w"]
    def get_local_sample_number(self, path):
        return 1
    def train(self, device, args, train_path):
        self.w += self.id
    def test(self, device, args, test_path):
        return {"sum": str(self.w.sum()), "list": [1, "2"]}
`;

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

interface Told {
  readonly run: Run;
  readonly lines: string[];
  readonly refused: string[];
  readonly warnings: string[];
}

/** With this code in `f.py`. */
async function taskOf(code: string, options: Partial<PythonTrainerOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-python-'));
  folders.push(folder);
  await writeFile(join(folder, 'f.py'), code);
  const lines: string[] = [];
  const given = options.data === undefined ? options : { ...options, data: join(folder, 'f.py:load_data') };
  const factory = pythonTrainer({ trainer: join(folder, 'f.py:Trainer'), python: PYTHON, ...given });
  const task = defineTask({
    name: 'python',
    trainer: Object.assign(
      (client: Parameters<typeof factory>[0]) => factory({ ...client, log: (line) => lines.push(line) }),
      factory,
    ),
  });
  return { task, lines };
}

/** A simulation of four clients, all in each round. */
async function start(code: string, options: Partial<PythonTrainerOptions> = {}, rounds = 2): Promise<Told> {
  const { task, lines } = await taskOf(code, options);
  const run = simulate(task, { clients: 4, clientsPerRound: 4, rounds, workers: 2 });
  const told: Told = { run, lines, refused: [], warnings: [] };
  run.on('refused', ({ code, message }) => told.refused.push(`${code}: ${message}`));
  run.on('warning', ({ code, message }) => told.warnings.push(`${code}: ${message}`));
  return told;
}

const weights = (result: Awaited<Run['result']>) => [...(result.model.get('w')?.data ?? [])].map(Number);

describePython('a trainer in Python', () => {
  it('needs numpy alone; results may be texts of numbers, and lists', async () => {
    const { run } = await start(NUMPY);
    const result = await run.result;
    expect(weights(result)).toEqual([3, 3, 3, 3, 3, 3]);
    expect(result.model.get('steps')).toEqual({ dtype: 'int64', shape: [], data: BigInt64Array.of(4n) });
    expect(result.clientMetrics).toEqual({ sum: 18, list: [1, 2] });
  });

  it.each([
    ['raises', '1 / 0', /^python.raised: ZeroDivisionError: division by zero\n {2}File ".*f.py", line \d+, in train\n/],
    ['exits', 'exit(3)', /^python.raised: SystemExit: 3/],
    ['dies', 'os.kill(os.getpid(), 11)', /^python.lost: .*signal SIGSEGV/],
    ['hangs', '__import__("time").sleep(60)', /^python.timeout: .*longer than 0.5 s/],
    ['hangs in native code', '__import__("ctypes").PyDLL(None).sleep(60)', /^python.timeout: .*longer than 0.5 s/],
    ['returns another shape', 'self.w = self.w[:, :2]', /^params.shape: .*client 1 has shape \[2, 2\] in tensor "w"/],
    ['returns another name', 'del self.w', /^python.raised: AttributeError: .*'w'/],
    [
      'returns what cannot travel',
      'self.w = self.w * 1j',
      /^python.params: .*parameter "w", which cannot travel: .*complex/,
    ],
  ])('that %s costs that client its update, and no other', async (_, line, told) => {
    const code = NUMPY.replace('self.w += self.id', `self.w += self.id\n        if self.id == 1: ${line}`);
    const { run, refused, warnings } = await start(code, { timeoutMs: 500 });
    // A client that is out of the mean of 0, 2 and 3 each round.
    expect(weights(await run.result)[0]).toBeCloseTo(10 / 3, 5);
    expect(refused).toEqual([expect.stringMatching(told), expect.stringMatching(told)]);
    expect(warnings[0]).toMatch(/client 1/i);
  });

  it.each([
    ['that is not JSON', '"{"', 'Trainer.test returned a text that is not JSON'],
    ['that are no numbers', '{"a": "many"}', `"a" of client 0 is 'many' (str)`],
    ['that are not finite', '{"a": float("nan")}', 'has the training diverged?'],
    ['that are none', '[1]', 'must return a dict of named results, or its JSON text, not [1] (list)'],
  ])('whose test gives results %s is told so', async (_, results, why) => {
    const code = NUMPY.replace(/return \{"sum".*/, `return ${results}`);
    const { run, warnings } = await start(code, {}, 1);
    await run.result;
    expect(warnings.filter((warning) => warning.includes(why)).length, warnings.join('\n')).toBeGreaterThan(0);
  });

  it('prints line by line under the name of its client, progress bars and native code too', async () => {
    const printing = `
        import sys, time
        print("one", self.id)
        os.write(1, b"native %d\\n" % self.id)
        for step in range(50):
            sys.stderr.write("\\rstep %d" % step)
        sys.stderr.write("\\n")
        print({"ok": True}, end="")`;
    const { run, lines } = await start(NUMPY.replace('self.w += self.id', printing), {}, 1);
    await run.result;
    for (const client of [0, 1, 2, 3]) {
      const own = lines.filter((line) => line.startsWith(`client ${client}: `)).map((line) => line.slice(10));
      expect(own.filter((line) => !line.startsWith('step '))).toEqual([
        `one ${client}`,
        `native ${client}`,
        "{'ok': True}",
      ]);
      const steps = own.filter((line) => line.startsWith('step '));
      expect(steps.at(-1)).toBe('step 49');
      expect(steps.length).toBeLessThan(10);
    }
    expect(lines.filter((line) => !/^client \d: /.test(line))).toEqual([]);
  });

  it('keeps objects of each client apart where it says so, in whatever process', async () => {
    const counting = NUMPY.replace('self.w = np.zeros', 'self.calls = 0; self.w = np.zeros')
      .replace('class Trainer:', 'class Trainer:\n    per_client = True')
      .replace('self.w += self.id', 'self.calls += 1; self.w += self.calls');
    const result = await (await start(counting, { processes: 3 }, 4)).run.result;
    expect(weights(result)[0]).toBe(1 + 2 + 3 + 4);
  });

  it('is given the GPU of its client alone, by the environment', async () => {
    const code = NUMPY.replace('self.w += self.id', 'print(os.environ["CUDA_VISIBLE_DEVICES"])');
    const { run, lines } = await start(code, { gpus: [2, 'GPU-5'] }, 1);
    await run.result;
    expect([...lines].sort()).toEqual(['client 0: 2', 'client 1: GPU-5', 'client 2: 2', 'client 3: GPU-5']);
  });

  it("seeds each job by the run's seed, or leaves it to its code", async () => {
    const drawing = NUMPY.replace('self.w += self.id', 'self.w += np.random.rand()');
    const hash = async (options: Partial<PythonTrainerOptions>) =>
      (await (await start(drawing, options)).run.result).modelHash;
    expect(await hash({ processes: 1 })).toBe(await hash({}));
    expect(await hash({ seeded: false })).not.toBe(await hash({}));
  });
});

describePython('a Python trainer that cannot start', () => {
  it.each([
    ['the algorithm has terms that it does not apply', { algorithm: scaffold() }, {}, 'trainer.terms'],
    ['the fold does not fit the cohort', { algorithm: krum({ f: 1 }) }, { clientsPerRound: 3 }, 'fold.too-few'],
    ['the first model is another', {}, { initialModel: new Map() }, 'params.names'],
  ])('leaves no process behind where %s', async (_, changes, options, code) => {
    const { task, lines } = await taskOf(`import os\nprint("pid", os.getpid())\n${NUMPY}`);
    const made = defineTask({ name: 'python', trainer: task.trainer, ...changes });
    const run = simulate(made, { clients: 4, clientsPerRound: 4, rounds: 1, ...options });
    await expect(run.result).rejects.toMatchObject({ code });
    const pid = Number(/^python: pid (\d+)$/.exec(lines[0] ?? '')?.[1]);
    await expect.poll(() => existsSync(`/proc/${pid}/cmdline`)).toBe(false);
  });

  const CASES: [string, string, Partial<PythonTrainerOptions>, string][] = [
    [
      'Python is not there',
      NUMPY,
      { python: '/nowhere/python3' },
      'python.not-found: Cannot start /nowhere/python3: there is no such program.',
    ],
    [
      'the file is not there',
      NUMPY,
      { trainer: '/nowhere/f.py:Trainer' },
      'python.load: There is no file /nowhere/f.py.',
    ],
    ['a package is not there', `import nowhere\n${NUMPY}`, {}, 'python.load: Cannot import '],
    [
      'the class is not there',
      NUMPY.replace('class Trainer', 'class Trayner'),
      {},
      'f.py has no Trainer. Did you mean Trayner?',
    ],
    [
      'methods are missing',
      NUMPY.replace('def train', 'def fit').replace('def test', 'def check'),
      {},
      'python.load: The class Trainer lacks train and test',
    ],
    [
      'a method is abstract',
      `from fedml_core.trainer.model_trainer import ModelTrainer\n${NUMPY.replace('class Trainer', 'class Trainer(ModelTrainer)').replace('def test', 'def check')}`,
      {},
      'python.load: The class Trainer lacks test:',
    ],
    [
      'there are no parameters',
      NUMPY.replace(/return \{"w".*/, 'return []'),
      {},
      'python.params: Trainer: get_model_params must return a dict of named tensors, not a list.',
    ],
    [
      'its constructor raises',
      NUMPY.replace('self.w = np.zeros', '1 / 0; self.w = np.zeros'),
      {},
      'python.raised: ZeroDivisionError',
    ],
    [
      "load_data is not FedML's",
      `${NUMPY}\ndef load_data(args): return 1`,
      { data: 'DATA' },
      "python.load: load_data must return FedML's list",
    ],
  ];

  it.each(CASES)('says that %s', async (_, code, options, message) => {
    const { run } = await start(code, options);
    const error = await run.result.then(
      () => undefined,
      (failure) => failure,
    );
    expect(`${error?.code}: ${error?.message}`).toContain(message);
  });

  it.each([
    [
      'Python is too old',
      'import sys\nsys.version_info = (3, 7, 1)\nstart = sys.argv[3]\nexec(start)',
      'is Python 3.7: trainers need 3.8 or later',
    ],
    [
      'numpy is not there',
      'import os, sys\nos.execv(sys.executable, [sys.executable, "-S", *sys.argv[1:]])',
      "cannot import numpy: No module named 'numpy'. Install it:",
    ],
  ])('says that %s', async (_, script, message) => {
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-python-'));
    folders.push(folder);
    const python = join(folder, 'python');
    await writeFile(python, `#!${PYTHON}\n${script}\n`);
    await chmod(python, 0o755);
    const { run } = await start(NUMPY, { python });
    await expect(run.result).rejects.toThrow(message);
  });
});
