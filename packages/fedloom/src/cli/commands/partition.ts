import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { partFolder } from '../../compute/node/part-source.js';
import { knownClient } from '../../core/brands.js';
import { makeFolders } from '../../core/node/make-folders.js';
import { storageError } from '../../core/node/storage-error.js';
import type { ClientExamples } from '../../data/dataset.js';
import { loadExamples } from '../../data/load-examples.js';
import { type PartInfo, writePart } from '../../data/node/part-folder.js';
import { writeImagePart, writeNpzPart } from '../../data/node/python-parts.js';
import { dealExamples, examplesOf } from '../../data/partition.js';
import type { PlanTask } from '../../task/task.js';
import { wholeNumber } from '../arguments.js';
import { guardTask } from '../guard-task.js';
import { watchInterrupts } from '../interrupts.js';
import { loadTaskWith } from '../load-settings.js';
import { planTask } from '../plan-task.js';
import { counted, formatCount } from '../report/format.js';
import { type ClientShare, partitionLines } from '../report/partition-lines.js';
import { fromHere } from '../report/summary.js';
import { jsonOption, seedOption, setOption, verboseOption } from '../run-settings.js';
import { openTerminal, type Terminal } from '../terminal.js';

interface PartitionFlags {
  readonly clients: number;
  readonly out?: string;
  readonly show?: true;
  readonly index?: number;
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
      "Deals a task's data set to clients by the task's own rule, as a simulation with the same seed does, and writes " +
        'each part into a folder of its own: DIR/client-0, DIR/client-1, ... For training code in Python: DIR/client_1_train.npz ' +
        'and client_1_test.npz, or folders of images DIR/client_1_train/<class>/, and so on.',
    )
    .argument('<task>', 'task file')
    .addOption(
      new Option('--clients <n>', 'how many clients there are')
        .argParser(wholeNumber('--clients', 1))
        .makeOptionMandatory(),
    )
    .option('--out <dir>', 'folder for the part folders; new or empty (required without --show)')
    .option('--show', 'draw which client has how many samples of which label')
    .addOption(
      new Option(
        '--index <n>',
        'deal nothing: all of the data set, as this process reads it, is the part of this client',
      ).argParser(wholeNumber('--index', 0)),
    )
    .addOption(new Option('--format <format>', 'how parts are written').choices(FORMATS).default('parts'))
    .addOption(seedOption())
    .addOption(setOption())
    .addOption(jsonOption())
    .addOption(verboseOption())
    .action(async (path: string, flags: PartitionFlags) => exit(await partition(path, flags)));
}

async function partition(path: string, flags: PartitionFlags): Promise<number> {
  const { clients, seed, out, index } = flags;
  if (out === undefined && flags.show === undefined) {
    throw new FedloomError(
      'usage.partition',
      'Say what to do with the parts: --out DIR writes them, --show draws them.',
    );
  }
  if (index !== undefined && index >= clients) {
    throw new FedloomError('usage.partition', `--index ${index} is no client of ${clients}: they count from 0.`);
  }
  const terminal = await openTerminal(flags.json ?? false);
  const loaded = planTask((await loadTaskWith(path, { set: flags.set ?? [] })).task, 'deal');
  const interrupts = watchInterrupts(() => {});
  const task = guardTask(loaded, interrupts);
  if (index !== undefined) refuseLearned(task);
  if (out !== undefined) await makeEmpty(out);
  const parts = index === undefined ? await dealParts(task, clients, seed) : await wholePart(task, clients, index);
  if (flags.show) show(task, parts, flags, terminal);
  if (out !== undefined && !(await writeParts(parts, out, flags.format, terminal, interrupts.signal))) {
    return interrupts.exitCode ?? 1;
  }
  interrupts.stop();
  terminal.screen.clear();
  if (out === undefined) return 0;
  const folder = resolve(out);
  terminal.json?.write({ event: 'partitioned', folder, clients: parts.length });
  const rule = index === undefined ? task.partition.name : `all for client ${index}`;
  terminal.screen.line(`${counted(parts.length, 'part')} of ${task.data.name} (${rule}) in ${fromHere(folder)}`);
  return 0;
}

type NewPart = PartInfo & { readonly train: ClientExamples; readonly test?: ClientExamples };

async function dealParts({ data, partition: rule }: PlanTask, clients: number, seed: number): Promise<NewPart[]> {
  const [spec, train, test] = await Promise.all([data.spec(), loadExamples(data, 'train'), loadExamples(data, 'test')]);
  const dealt = dealExamples(rule, { train, test }, clients, seed);
  return Array.from({ length: clients }, (_, index) => {
    const own = examplesOf(dealt.train, index);
    const ownTest = examplesOf(dealt.test, index);
    if (own === undefined) {
      throw new FedloomError('partition.samples', `Client ${index} was dealt no training samples.`, { client: index });
    }
    return { name: data.name, index, clients, data: spec, train: own, ...(ownTest && { test: ownTest }) };
  });
}

/** A site's own data, which nobody deals. */
async function wholePart({ data }: PlanTask, clients: number, index: number): Promise<NewPart[]> {
  const [spec, train, test] = await Promise.all([data.spec(), loadExamples(data, 'train'), loadExamples(data, 'test')]);
  return [{ name: data.name, index, clients, data: spec, train, ...(test.y.shape[0] !== 0 && { test }) }];
}

/** What follows from a site's own rows is other at each site. */
function refuseLearned({ data }: PlanTask): void {
  const { name, learned = [] } = data;
  if (learned.length === 0) return;
  const message =
    `The data set "${name}" takes from its own rows what must be the same for all clients: ${learned.join(', ')}. Fix it in the ` +
    'task; `npx fedloom statistics` prints what to fix it to.';
  throw new FedloomError('data.learned', message, { name, learned });
}

function show(
  { data, partition: rule }: PlanTask,
  parts: readonly NewPart[],
  { clients, seed, index }: PartitionFlags,
  { screen, json }: Terminal,
): void {
  const shares = parts.map(shareOf);
  json?.write({ event: 'partition', clients: shares });
  const how =
    index === undefined ? `${rule.name} · ${counted(clients, 'client')} · seed ${seed}` : `all for client ${index}`;
  screen.line(`${data.name} · ${how}`);
  screen.line();
  for (const line of partitionLines(shares, screen)) screen.line(line);
}

function shareOf({ index, train, test, data }: NewPart): ClientShare {
  const count = ({ rows, y }: ClientExamples) => rows?.length ?? y.shape[0] ?? 0;
  const labels = new Array<number>(data.y.classes ?? 0).fill(0);
  if (data.y.classes !== undefined) {
    for (let at = 0; at < count(train); at++) {
      const label = Number(train.y.data[train.rows?.[at] ?? at]);
      labels[label] = (labels[label] ?? 0) + 1;
    }
  }
  return { client: index, train: count(train), test: test === undefined ? 0 : count(test), labels };
}

/** @returns false when the signal ended it early */
async function writeParts(
  parts: readonly NewPart[],
  out: string,
  format: PartFormat,
  { screen }: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  let toldMs = performance.now();
  for (const [written, part] of parts.entries()) {
    if (signal.aborted) return false;
    if (format === 'npz') await writeNpzPart(out, part);
    else if (format === 'images') await writeImagePart(out, part);
    else await writePart(partFolder(out, knownClient(part.index)), part);
    if (performance.now() - toldMs < TOLD_MS) continue;
    toldMs = performance.now();
    screen.redraw([`${formatCount(written + 1)} of ${counted(parts.length, 'part')}`]);
  }
  return true;
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
