import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RoundRecord } from 'fedloom';
import { interleave } from '../interleave.js';
import { PEER_MISSING } from '../peer.js';
import { benchmarksFolder, fedloomCommand, taskFile } from '../places.js';
import { type Row, rowOf } from '../row.js';
import { runProgram } from '../spawned.js';
import type { BenchContext, Workload } from '../workload.js';

interface Size {
  readonly workload: 'resnet18' | '2nn';
  readonly clients: number;
  readonly cohort: number;
  readonly rounds: number;
  /** Ours over the bare loop. */
  readonly atMost: number;
}

export const python: Workload = {
  name: 'python',
  summary: 'trainers in Python: a round against the same trainer in a bare PyTorch loop',
  comparesWithPyTorch: true,
  async run(context) {
    if (context.peer === undefined) throw new Error(PEER_MISSING);
    const few = context.quick;
    const sizes: readonly Size[] = [
      { workload: 'resnet18', clients: 4, cohort: 2, rounds: few ? 2 : 3, atMost: 1.05 },
      { workload: '2nn', clients: 100, cohort: 10, rounds: few ? 3 : 15, atMost: 1.3 },
    ];
    const rows: Row[] = [];
    for (const size of sizes) rows.push(await measure(size, context.peer.python, context));
    return rows;
  },
};

async function measure(size: Size, interpreter: string, context: BenchContext): Promise<Row> {
  const { workload, atMost } = size;
  const sides = [
    { name: 'fedloom', measure: () => ourSeconds(size, interpreter) },
    { name: 'PyTorch, 1 thread', measure: () => bareSeconds(size, interpreter) },
  ];
  const [ours = [], bare = []] = await interleave<number>(sides, context.repeats(3), context.say);
  return rowOf({
    workload: 'python',
    measure: `a round of ${size.cohort} clients, ${workload}`,
    unit: 's',
    ours,
    peer: { name: 'PyTorch, 1 thread', values: bare },
    ratio: 'ours/peer',
    target: { of: 'ratio', atMost },
  });
}

/** Of a round, on average over all but the first, in which processes start. */
async function ourSeconds({ workload, clients, cohort, rounds }: Size, interpreter: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-bench-'));
  try {
    const places = [clients, cohort, rounds].map(String);
    const set = ['--set', `args.workload=${workload}`, '--set', `trainer.python=${interpreter}`];
    const args = ['run', taskFile('python'), ...places, '--evaluate-every', '0', '--json', '--out', folder, ...set];
    const { stdout } = await runProgram(process.execPath, [fedloomCommand, ...args]);
    const records = linesOf<RoundRecord & { readonly event: string }>(stdout).filter(({ event }) => event === 'round');
    return meanWithoutFirst(records.map(({ ms }) => (ms.train + ms.aggregate) / 1000));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bareSeconds({ workload, cohort, rounds }: Size, interpreter: string): Promise<number> {
  const script = join(benchmarksFolder, 'peers', 'trainers.py');
  const numbers = ['--rounds', String(rounds), '--cohort', String(cohort)];
  const { stdout } = await runProgram(interpreter, [script, '--workload', workload, ...numbers]);
  return meanWithoutFirst(linesOf<{ readonly seconds: number }>(stdout).map(({ seconds }) => seconds));
}

function linesOf<T>(stdout: string): T[] {
  const lines = stdout.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}

function meanWithoutFirst(values: readonly number[]): number {
  const timed = values.slice(1);
  return timed.reduce((sum, value) => sum + value, 0) / timed.length;
}
