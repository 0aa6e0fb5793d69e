/** `npm run bench [-- WORKLOAD ...] [--repeats N] [--quick] [--markdown]`: measures, prints a table, writes JSON. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeMachine, type Machine, machineLines } from './machine.js';
import { type BenchOptions, parseOptions } from './options.js';
import { findPeer, PEER_MISSING, type Peer } from './peer.js';
import { benchmarksFolder } from './places.js';
import { type Row, reached } from './row.js';
import { markdownTable, plainTable } from './table.js';
import type { BenchContext, Workload } from './workload.js';
import { cnn } from './workloads/cnn.js';
import { empty } from './workloads/empty.js';
import { fold } from './workloads/fold.js';
import { journal } from './workloads/journal.js';
import { krum } from './workloads/krum.js';
import { lr } from './workloads/lr.js';
import { lstm } from './workloads/lstm.js';
import { models } from './workloads/models.js';
import { mpi } from './workloads/mpi.js';
import { mqtt } from './workloads/mqtt.js';
import { noop } from './workloads/noop.js';
import { python } from './workloads/python.js';
import { rounds97 } from './workloads/rounds97.js';
import { scale } from './workloads/scale.js';
import { startup } from './workloads/startup.js';
import { twoNn } from './workloads/two-nn.js';

const WORKLOADS: readonly Workload[] = [
  lr,
  twoNn,
  cnn,
  models,
  lstm,
  noop,
  empty,
  scale,
  rounds97,
  fold,
  krum,
  journal,
  python,
  startup,
  mpi,
  mqtt,
];

interface Failure {
  readonly workload: string;
  readonly message: string;
}

interface Measured {
  readonly rows: readonly Row[];
  readonly failures: readonly Failure[];
}

async function main(): Promise<void> {
  const options = parseOptions(
    process.argv.slice(2),
    WORKLOADS.map(({ name }) => name),
  );
  if (options.help) return console.log(helpText());
  const peer = await findPeer();
  const machine = describeMachine(peer?.torch ?? null);
  for (const line of machineLines(machine)) console.error(line);
  const chosen = WORKLOADS.filter(({ name }) => options.workloads.length === 0 || options.workloads.includes(name));
  const measured = await measure(chosen, options, peer);
  report(chosen, machine, measured, options);
  console.error(`\nWritten to ${await save({ machine, quick: options.quick, ...measured })}`);
  if (measured.failures.length > 0) process.exitCode = 1;
}

async function measure(
  workloads: readonly Workload[],
  { repeats, quick }: BenchOptions,
  peer: Peer | undefined,
): Promise<Measured> {
  const rows: Row[] = [];
  const failures: Failure[] = [];
  for (const { name, run, comparesWithPyTorch } of workloads) {
    const context: BenchContext = {
      peer,
      quick,
      repeats: (fallback) => repeats ?? (quick ? 1 : fallback),
      say: (line) => console.error(`${name}: ${line}`),
    };
    if (comparesWithPyTorch && peer === undefined) context.say(PEER_MISSING);
    try {
      rows.push(...(await run(context)));
    } catch (error) {
      // The other workloads still have something to say.
      const message = error instanceof Error ? error.message : String(error);
      context.say(`FAILED: ${message}`);
      failures.push({ workload: name, message });
    }
  }
  return { rows, failures };
}

function report(
  chosen: readonly Workload[],
  machine: Machine,
  { rows, failures }: Measured,
  options: BenchOptions,
): void {
  const print = options.markdown ? markdownTable : plainTable;
  console.log(['', ...machineLines(machine), '', print(rows)].join('\n'));
  for (const { name } of chosen.filter(({ comparesWithPyTorch }) => comparesWithPyTorch && machine.torch === null)) {
    console.log(`\n${name}: ${PEER_MISSING}`);
  }
  if (options.quick) console.log('\n--quick: few rounds and one repeat; no figures to quote.');
  for (const { workload, message } of failures) console.log(`\n${workload} FAILED: ${message}`);
}

async function save(result: Measured & { readonly machine: Machine; readonly quick: boolean }): Promise<string> {
  const folder = join(benchmarksFolder, 'results');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${result.machine.date.replace(/[:.]/g, '-')}.json`);
  const rows = result.rows.map((row) => ({ ...row, reached: reached(row) ?? null }));
  await writeFile(file, `${JSON.stringify({ ...result, rows }, null, 2)}\n`);
  return file;
}

function helpText(): string {
  const lines = WORKLOADS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`);
  return [
    'npm run bench [-- WORKLOAD ... --repeats N --quick --markdown]',
    '',
    ...lines,
    '',
    'benchmarks/README.md says what is measured and how ratios are made.',
  ].join('\n');
}

await main().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
});
