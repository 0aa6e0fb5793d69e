import { describe, expect, it } from 'vitest';
import { defineTask } from '../task/define-task.js';
import { overrideTask, settablePaths } from '../task/override-task.js';
import type { Trainer } from '../task/trainer.js';
import { argumentsFor } from './arguments.js';
import type { PythonTrainerOptions } from './options.js';
import { pythonTrainer } from './python-trainer.js';
import { parseTarget, pathFor } from './targets.js';

const trainer = 'f.py:T';

describe('pythonTrainer', () => {
  it.each([
    [{}, "pythonTrainer: trainer is missing; name the class, such as trainer: 'f.py:MyTrainer'."],
    [{ trainer, trainpath: 'x' }, 'pythonTrainer: there is no option trainpath. Did you mean "trainPath"?'],
    [{ trainer, processes: 0 }, 'pythonTrainer: processes is 0; it must be a whole number of at least 1.'],
    [{ trainer, args: { f: () => {} } }, 'it must be an object of texts, numbers, booleans and lists.'],
    [{ trainer, gpus: [] }, 'pythonTrainer: gpus is []; it must be a list of GPUs, such as [0, 1].'],
    [{ trainer, seeded: 'no' }, 'pythonTrainer: seeded is "no"; it must be true or false.'],
  ])('refuses %j', (options, message) => {
    expect(() => pythonTrainer(options as PythonTrainerOptions)).toThrow(message);
  });

  it('tells its task how many jobs it takes, and who aggregates', () => {
    const task = defineTask({
      name: 't',
      trainer: pythonTrainer({ trainer, processes: 3, resultAggregator: 'f.py:A' }),
    });
    // One more than processes: the next is at hand.
    expect(task.concurrent).toBe(4);
    expect(task.resultAggregator).toBe(task.trainer.resultAggregator);
  });

  it('takes settings of the command line, which also change what the task has of it', () => {
    const own = { aggregate: () => ({}) };
    const factory = pythonTrainer({ trainer, processes: 3, resultAggregator: 'f.py:A', args: { depth: 18, lr: 0.1 } });
    const task = defineTask({ name: 't', trainer: factory });
    expect(settablePaths(task)).toEqual(expect.arrayContaining(['args.depth', 'args.data_path', 'trainer.trainPath']));
    const changed = overrideTask(overrideTask(task, 'args.data_path', '/data'), 'trainer.processes', '2');
    expect(changed).toMatchObject({ kind: 'trainer', concurrent: 3 });
    if (changed.kind !== 'trainer') throw new Error('it is no trainer task any more');
    expect(changed.resultAggregator).toBe(changed.trainer.resultAggregator);
    expect(changed.resultAggregator).not.toBe(task.resultAggregator);
    const kept = overrideTask(defineTask({ name: 't', trainer: factory, resultAggregator: own }), 'args.lr', '1');
    expect(kept.resultAggregator).toBe(own);
    expect(() => overrideTask(task, 'args.dept', '2')).toThrow('Did you mean "args.depth"?');
    expect(() => overrideTask(task, 'trainer.processes', 'many')).toThrow(
      /cannot set trainer.processes=many: .*whole number/,
    );
  });

  it('leaves tasks of other trainers as they were', () => {
    const task = defineTask({ name: 't', trainer: () => ({}) as Trainer });
    expect([task.concurrent, settablePaths(task)]).toEqual([false, []]);
  });
});

describe('arguments', () => {
  const client = { index: 0, clientId: 'client-0', clients: 10, seed: 7 };

  it("are FedML's as far as they are known, and the user's own, which count", () => {
    expect(argumentsFor({ trainer, args: { lr: 1, own: [1, 'a'] } }, client)).toMatchObject({
      client_num_in_total: 10,
      random_seed: 7,
      data_path: './data',
      lr: 1,
      own: [1, 'a'],
    });
    const told = argumentsFor({ trainer, gpus: [0, 1] }, { ...client, clientsPerRound: 4, rounds: 9, dataDir: '/d' });
    expect(told).toMatchObject({ client_num_per_round: 4, comm_round: 9, data_path: '/d', gpu_num_per_server: 2 });
  });
});

describe('targets', () => {
  it('are files, found beside the task or here, or modules', () => {
    expect(parseTarget('pack.mod:Name', 'trainer', ['/x'])).toEqual({ place: 'pack.mod', name: 'Name' });
    expect(parseTarget('/a/f.py:Name', 'trainer', ['/x'])).toEqual({ place: '/a/f.py', name: 'Name' });
    expect(parseTarget('none.py:N', 'trainer', ['/x', '/y'])).toEqual({ place: '/x/none.py', name: 'N' });
    expect(parseTarget('package.json.py:N', 'trainer', ['/x']).name).toBe('N');
  });

  it.each(['f.py', 'f.py:', ':Name', 'f.py:a-b', 7])('refuse %j', (text) => {
    expect(() => parseTarget(text, 'model', [])).toThrow(/pythonTrainer: model is .*FILE:NAME or MODULE:NAME/);
  });

  it('paths count ranks from 1 and indices from 0', () => {
    expect(pathFor('/d/{rank}/{index}/{rank}.npz', 4)).toBe('/d/5/4/5.npz');
    expect(pathFor('/d', 4)).toBe('/d');
  });
});
