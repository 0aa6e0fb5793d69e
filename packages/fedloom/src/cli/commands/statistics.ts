import { access, readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import type { Command } from 'commander';
import * as z from 'zod';
import { storageError } from '../../core/node/storage-error.js';
import { describeExamples, mergeDescriptions } from '../../data/describe.js';
import type { DataDescription } from '../../data/description.js';
import { loadExamples } from '../../data/load-examples.js';
import { describeCsv } from '../../data/node/csv/describe-csv.js';
import { readOwnPart } from '../../data/node/part-folder.js';
import { guardTask } from '../guard-task.js';
import { watchInterrupts } from '../interrupts.js';
import { loadTaskWith } from '../load-settings.js';
import { planTask } from '../plan-task.js';
import { statisticsLines } from '../report/statistics-lines.js';
import { fromHere } from '../report/summary.js';
import { jsonOption, setOption, verboseOption } from '../run-settings.js';
import { openTerminal } from '../terminal.js';

interface StatisticsFlags {
  readonly set?: string[];
  readonly json?: true;
}

const TABLES = ['.csv', '.tsv', '.txt'];

export function addStatisticsCommand(program: Command, exit: (code: number) => void): void {
  program
    .command('statistics')
    .summary('tell what a task can fix of its data: categories, means, deviations, vocabulary')
    .description(
      "Tells what stands in the columns of data, and prints it as a task's options. Of several sources together: each site may " +
        'write its own with --json into a file, and somebody adds the files up, without seeing a row.',
    )
    .argument('<sources...>', 'task files, tables such as patients.csv, part folders, or what --json printed (.json)')
    .addOption(setOption())
    .addOption(jsonOption())
    .addOption(verboseOption())
    .action(async (sources: string[], flags: StatisticsFlags) => exit(await statistics(sources, flags)));
}

async function statistics(sources: readonly string[], flags: StatisticsFlags): Promise<number> {
  const { screen, json } = await openTerminal(flags.json ?? false);
  const descriptions: DataDescription[] = [];
  for (const source of sources) descriptions.push(...(await describe(source, flags)));
  const together = mergeDescriptions(descriptions, (what) => {
    const message = `These data do not go together: ${what}.`;
    return new FedloomError('statistics.unlike', message, { sources });
  });
  if (together === undefined) throw noParts(sources[0] ?? '');
  json?.write({ event: 'statistics', sources, ...together });
  const name = sources.length === 1 ? fromHere(resolve(sources[0] ?? '')) : `${sources.length} sources`;
  for (const line of statisticsLines(name, together, screen)) screen.line(line);
  return 0;
}

async function describe(source: string, flags: StatisticsFlags): Promise<readonly DataDescription[]> {
  const isFolder = (await stat(source).catch(() => undefined))?.isDirectory() ?? false;
  if (isFolder) return describeParts(source);
  if (TABLES.includes(extname(source).toLowerCase())) return [await describeCsv(resolve(source), {})];
  if (extname(source) === '.json') return [await readDescription(source)];
  return [await describeTask(source, flags)];
}

async function describeTask(source: string, flags: StatisticsFlags): Promise<DataDescription> {
  const loaded = planTask((await loadTaskWith(source, { set: flags.set ?? [] })).task, 'describe');
  const interrupts = watchInterrupts(() => {});
  const { data } = guardTask(loaded, interrupts);
  const description =
    data.describe === undefined
      ? describeExamples(await loadExamples(data, 'train'), await data.spec())
      : await data.describe();
  interrupts.stop();
  return description;
}

async function describeParts(folder: string): Promise<readonly DataDescription[]> {
  const isPart = async (path: string) =>
    access(join(path, 'part.json')).then(
      () => true,
      () => false,
    );
  if (await isPart(folder)) return [await describePart(folder)];
  const names = (await readdir(folder)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const found: DataDescription[] = [];
  for (const name of names) if (await isPart(join(folder, name))) found.push(await describePart(join(folder, name)));
  if (found.length === 0) throw noParts(folder);
  return found;
}

async function describePart(folder: string): Promise<DataDescription> {
  const { train, data } = await readOwnPart(folder);
  return describeExamples(train, data);
}

function noParts(folder: string): FedloomError {
  const message = `The folder ${folder} holds no parts: neither is there a part.json, nor in a folder within it.`;
  return new FedloomError('part.missing', message, { dir: folder, file: 'part.json' });
}

const count = z.int().min(0);
const number = z.number();
const descriptionSchema = z.object({
  event: z.literal('statistics'),
  samples: count,
  columns: z.array(
    z.discriminatedUnion('kind', [
      z.object({
        kind: z.literal('numbers'),
        name: z.string(),
        count,
        blank: count,
        mean: number,
        deviation: number.min(0),
        texts: z.record(z.string(), count).exactOptional(),
        minimum: number,
        maximum: number,
      }),
      z.object({
        kind: z.literal('texts'),
        name: z.string(),
        count,
        blank: count,
        texts: z.record(z.string(), count).exactOptional(),
        distinct: count,
      }),
    ]),
  ),
  encoded: z.literal(true).exactOptional(),
  label: z.string().exactOptional(),
  ignored: z.array(z.string()).exactOptional(),
  vocabulary: z.array(z.string()).exactOptional(),
});

/** What `--json` printed into a file. */
async function readDescription(path: string): Promise<DataDescription> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw storageError(error, 'read', path);
  });
  try {
    const { event: _event, ...description } = descriptionSchema.parse(JSON.parse(text));
    return description;
  } catch (cause) {
    const message = `${path} is not what \`fedloom statistics --json\` prints.`;
    throw new FedloomError('statistics.file', message, { path }, { cause });
  }
}
