import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RoundRecord } from 'fedloom';
import { interleave } from '../interleave.js';
import { onNodes, onTwoRanks, pythonWithMpi, withPing } from '../mpirun.js';
import { benchmarksFolder, fedloomCommand, taskFile } from '../places.js';
import { type Row, rowOf, type Series } from '../row.js';
import { runProgram } from '../spawned.js';
import { median } from '../stats.js';
import type { BenchContext, Workload } from '../workload.js';

const SMALL = 8;
const LARGE = 45_000_000;
const CLIENTS = 100;
const COHORT = 10;
const SAMPLES_PER_ROUND = 6000;
/** Of the two hidden layers of a model of 45 MB. */
const WIDE = 3350;
const WIDE_COHORT = 20;

interface Trip {
  readonly bytes: number;
  /** Of a round trip. */
  readonly seconds: number;
}

export const mpi: Workload = {
  name: 'mpi',
  summary: 'MPI: round trips and an empty round against C over the same MPI; a simulation on 2 ranks against 2 threads',
  comparesWithPyTorch: false,
  async run(context) {
    return [
      ...(await withPing(async (ping) => [...(await roundTrips(context, ping)), await emptyRounds(context, ping)])),
      await simulation(context),
      ...(await partialSums(context)),
    ];
  },
};

async function roundTrips({ quick, repeats, say }: BenchContext, ping: string): Promise<Row[]> {
  const args = [SMALL, quick ? 2000 : 100_000, LARGE, quick ? 3 : 30];
  const sides = [
    { name: 'the MPI transport', measure: () => onNodes<Trip>(2, 'ping', args) },
    { name: 'C', measure: () => onTwoRanks<Trip>(ping, args) },
  ];
  const python = await pythonWithMpi();
  if (python === undefined) say('mpi4py is not installed, and left out: bash tools/python/install.sh');
  else {
    const script = join(benchmarksFolder, 'peers', 'mpi', 'ping.py');
    sides.push({ name: 'mpi4py', measure: () => onTwoRanks<Trip>(python, [script, ...args]) });
  }
  const [ours = [], inC = [], inPython = []] = await interleave(sides, repeats(5), say);
  const secondsOf = (trips: readonly Trip[], wanted: number) =>
    trips.find(({ bytes }) => bytes === wanted)?.seconds ?? Number.NaN;
  const micros = (runs: readonly Trip[][]) => runs.map((trips) => 1e6 * secondsOf(trips, SMALL));
  const gigabytes = (runs: readonly Trip[][]) => runs.map((trips) => (2 * LARGE) / secondsOf(trips, LARGE) / 1e9);
  const besidePython: Series = {
    workload: 'mpi',
    measure: 'a round trip of 8 bytes between two ranks, beside mpi4py',
    unit: 'us',
    ours: micros(ours),
    peer: { name: 'mpi4py', values: micros(inPython) },
    ratio: 'ours/peer',
    target: { of: 'ratio', atMost: 3 },
  };
  return [
    ...(python === undefined ? [] : [rowOf(besidePython)]),
    rowOf({
      workload: 'mpi',
      measure: 'a round trip of 8 bytes between two ranks',
      unit: 'us',
      ours: micros(ours),
      peer: { name: 'C', values: micros(inC) },
      ratio: 'ours/peer',
      target: { of: 'ratio', atMost: 3 },
    }),
    rowOf({
      workload: 'mpi',
      measure: '45 MB to and fro',
      unit: 'GB/s',
      ours: gigabytes(ours),
      peer: { name: 'C', values: gigabytes(inC) },
      ratio: 'higher is better',
      target: { of: 'ratio', atLeast: 0.8 },
    }),
  ];
}

/** The bytes of a round, half of them each way, are one round trip of the bare MPI. */
async function emptyRounds({ quick, repeats, say }: BenchContext, ping: string): Promise<Row> {
  const rounds: number[] = [];
  const bare: number[] = [];
  for (let repeat = 0; repeat < repeats(3); repeat += 1) {
    say(`repeat ${repeat + 1}: an empty round`);
    const [round] = await onNodes<{ ms: number; bytesEachWay: number }>(2, 'empty-rounds', [quick ? 50 : 500]);
    rounds.push(round?.ms ?? Number.NaN);
    const [trip] = await onTwoRanks<Trip>(ping, [round?.bytesEachWay ?? SMALL, 10_000]);
    bare.push(1000 * (trip?.seconds ?? Number.NaN));
  }
  return rowOf({
    workload: 'mpi',
    measure: 'a round of one client and 10 parameters',
    unit: 'ms',
    ours: rounds,
    peer: { name: 'its bytes in C', values: bare },
    ratio: 'ours/peer',
    target: { of: 'ratio', atMost: 2 },
    note: 'the messages of a round take microseconds; the rest is what a round costs in memory too (workload empty)',
  });
}

async function simulation({ quick, repeats, say }: BenchContext): Promise<Row> {
  const rounds = quick ? 4 : 20;
  const sides = [
    { name: '2 ranks', measure: () => trainedPerSecond(rounds, 'ranks') },
    { name: '2 threads', measure: () => trainedPerSecond(rounds, 'threads') },
  ];
  const [ranks = [], threads = []] = await interleave(sides, repeats(5), say);
  return rowOf({
    workload: 'mpi',
    measure: '2NN simulated on 2 ranks: training',
    unit: 'samples/s',
    ours: ranks,
    peer: { name: '2 threads', values: threads },
    ratio: 'higher is better',
    target: { of: 'ratio', atLeast: 0.95 },
  });
}

/** All clients train on two ranks, and rank 0 serves. */
async function partialSums({ quick, repeats, say }: BenchContext): Promise<Row[]> {
  const args = [quick ? WIDE / 10 : WIDE, WIDE_COHORT, quick ? 2 : 4];
  const sides = ['sums', 'whole'].map((how) => ({
    name: how === 'sums' ? 'partial sums' : 'whole updates',
    measure: () => onNodes<SummedRound>(3, 'partial-sums', [...args, how]),
  }));
  const [sums = [], whole = []] = await interleave(sides, repeats(3), say);
  const rounds = [...sums, ...whole].flat();
  if (new Set(rounds.map(({ modelHash }) => modelHash)).size !== 1) throw new Error('partial sums make another model');
  const valuesOf = (runs: readonly SummedRound[][], of: (round: SummedRound) => number) => runs.flat().map(of);
  const row = (measure: string, unit: string, of: (round: SummedRound) => number) =>
    rowOf({
      workload: 'mpi',
      measure: `partial sums, ${WIDE_COHORT} updates of 45 MB on 2 ranks: ${measure}`,
      unit,
      ours: valuesOf(sums, of),
      peer: { name: 'whole updates', values: valuesOf(whole, of) },
      ratio: 'ours/peer',
    });
  return [row('into rank 0 a round', 'MB', ({ bytes }) => bytes / 1e6), row('a round', 'ms', ({ ms }) => ms)];
}

interface SummedRound {
  readonly modelHash: string;
  readonly ms: number;
  readonly bytes: number;
}

/** Without the first round, which warms up. */
async function trainedPerSecond(rounds: number, on: 'ranks' | 'threads'): Promise<number> {
  const out = await mkdtemp(join(tmpdir(), 'fedloom-bench-'));
  try {
    const size = [CLIENTS, COHORT, rounds].map(String);
    const args = ['run', taskFile('2nn'), ...size, '--evaluate-every', '0', '--json', '--out', out];
    const workers = ['--workers', on === 'ranks' ? '1' : '2'];
    const command = [fedloomCommand, ...args, ...workers];
    const events =
      on === 'ranks'
        ? await onTwoRanks<object>(process.execPath, command)
        : (await runProgram(process.execPath, command)).stdout
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line));
    const records = events.filter((event) => 'ms' in event) as readonly RoundRecord[];
    const ms = median(records.slice(1).map((record) => record.ms.train + record.ms.aggregate));
    return (1000 * SAMPLES_PER_ROUND) / ms;
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
