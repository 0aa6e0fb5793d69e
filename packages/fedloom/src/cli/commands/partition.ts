import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { partFolder } from '../../compute/node/part-source.js';
import { knownClient } from '../../core/brands.js';
import { makeFolders } from '../../core/node/make-folders.js';
import { storageError } from '../../core/node/storage-error.js';
import { writePart } from '../../data/node/part-folder.js';
import { writeImagePart, writeNpzPart } from '../../data/node/python-parts.js';
import { dealExamples, examplesOf } from '../../data/partition.js';
import type { PlanTask, Task } from '../../task/task.js';
import { wholeNumber } from '../arguments.js';
import { guardTask } from '../guard-task.js';
import { watchInterrupts } from '../interrupts.js';
import { loadTaskWith } from '../load-settings.js';
import { counted, formatCount } from '../report/format.js';
import { fromHere } from '../report/summary.js';
import { jsonOption, seedOption, setOption, verboseOption } from '../run-settings.js';
import { openTerminal, type Terminal } from '../terminal.js';

interface PartitionFlags {
  readonly clients: number;
  readonly out: string;
  readonly seed: number;
  readonly format: PartFormat;
  readonly set?: string[];
  readonly json?: true;
}

/** `parts`: what clients of plans read. The others are for training code in Python. */
const FORMATS = ['parts', 'npz', 'images'] as const;
type PartFormat = (typeof FORMATS)[number];

const TOLD_MS = 100;

export function addPartitionCommand(program: Command, exit: (code: number) => void): void {
  program
    .command('partition')
    .summary("write the clients' parts of a task's data into folders")
    .description(
      "Deals a task's data set to clients by the task's own rule, as a simulation with the same seed does, and writes\n" +
        'each part into a folder of its own: DIR/client-0, DIR/client-1, ... For training code in Python: DIR/client_1_train.npz\n' +
        'and client_1_test.npz, or folders of images DIR/client_1_train/<class>/, and so on.',
    )
    .argument('<task>', 'task file')
    .addOption(
      new Option('--clients <n>', 'how many clients there are')
        .argParser(wholeNumber('--clients', 1))
        .makeOptionMandatory(),
    )
    .requiredOption('--out <dir>', 'folder for the part folders; new or empty')
    .addOption(new Option('--format <format>', 'how parts are written').choices(FORMATS).default('parts'))
    .addOption(seedOption())
    .addOption(setOption())
    .addOption(jsonOption())
    .addOption(verboseOption())
    .action(async (path: string, flags: PartitionFlags) => exit(await partition(path, flags)));
}

async function partition(path: string, flags: PartitionFlags): Promise<number> {
  const terminal = await openTerminal(flags.json ?? false);
  const loaded = planTask((await loadTaskWith(path, { set: flags.set ?? [] })).task);
  const interrupts = watchInterrupts(() => {});
  const task = guardTask(loaded, interrupts);
  await makeEmpty(flags.out);
  const done = await writeParts(task, flags, terminal, interrupts.signal);
  interrupts.stop();
  terminal.screen.clear();
  if (!done) return interrupts.exitCode ?? 1;
  const { clients, out } = flags;
  terminal.json?.write({ event: 'partitioned', folder: resolve(out), clients });
  terminal.screen.line(
    `${counted(clients, 'part')} of ${task.data.name} (${task.partition.name}) in ${fromHere(resolve(out))}`,
  );
  return 0;
}

/** @returns false when the signal ended it early */
async function writeParts(
  task: PlanTask,
  { clients, out, seed, format }: PartitionFlags,
  { screen }: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const [data, train, test] = await Promise.all([task.data.spec(), task.data.load('train'), task.data.load('test')]);
  const dealt = dealExamples(task.partition, { train, test }, clients, seed);
  let toldMs = performance.now();
  for (let index = 0; index < clients; index += 1) {
    if (signal.aborted) return false;
    const own = examplesOf(dealt.train, index);
    const ownTest = examplesOf(dealt.test, index);
    if (own === undefined) {
      throw new FedloomError('partition.samples', `Client ${index} was dealt no training samples.`, { client: index });
    }
    const part = { name: task.data.name, index, clients, data, train: own, ...(ownTest && { test: ownTest }) };
    if (format === 'npz') await writeNpzPart(out, part);
    else if (format === 'images') await writeImagePart(out, part);
    else await writePart(partFolder(out, knownClient(index)), part);
    if (performance.now() - toldMs < TOLD_MS) continue;
    toldMs = performance.now();
    screen.redraw([`${formatCount(index + 1)} of ${counted(clients, 'part')}`]);
  }
  return true;
}

function planTask(task: Task): PlanTask {
  if (task.kind === 'plan') return task;
  const message = `Task "${task.name}" reads its data in its own trainer: there is no data set that fedloom could deal.`;
  throw new FedloomError('partition.trainer', message, { task: task.name });
}

/** Parts of an earlier partition must not stay among the new ones. */
async function makeEmpty(out: string): Promise<void> {
  try {
    await makeFolders(resolve(out));
    if ((await readdir(out)).length === 0) return;
  } catch (error) {
    throw storageError(error, 'make the folder', out);
  }
  throw new FedloomError('partition.not-empty', `The folder ${out} is not empty. Name a new one, or empty it first.`, {
    out,
  });
}
