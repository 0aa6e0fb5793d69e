import { join } from 'node:path';
import type { ModelInput, ModelName, ModelOutput } from '../children/models.js';
import { interleave } from '../interleave.js';
import { type PeerMode, usableModes } from '../peer.js';
import { benchmarksFolder } from '../places.js';
import { type Row, rowOf } from '../row.js';
import { askChild, runProgram } from '../spawned.js';
import { median } from '../stats.js';
import type { BenchContext, Workload } from '../workload.js';

interface Size {
  readonly model: ModelName;
  readonly batch: number;
  readonly steps: number;
  /** Times PyTorch. */
  readonly atLeast: number;
}

const SIZES: readonly Size[] = [
  { model: '2nn', batch: 64, steps: 100, atLeast: 1.5 },
  { model: 'cnn', batch: 10, steps: 60, atLeast: 1.1 },
  { model: 'cnn', batch: 64, steps: 10, atLeast: 1.3 },
  { model: 'gpt', batch: 8, steps: 8, atLeast: 1 },
  { model: 'resnet18', batch: 20, steps: 1, atLeast: 1.1 },
  { model: 'resnet18', batch: 64, steps: 1, atLeast: 1.3 },
];
/** Ours: a process for each core, one thread each. */
const PROCESSES = 2;

type Measured = Pick<ModelOutput, 'samplesPerSecond' | 'peakBytes'>;

export const models: Workload = {
  name: 'models',
  summary: 'training of models on two cores: samples a second, memory, and the time to compile a plan',
  comparesWithPyTorch: true,
  async run(context) {
    const rows: Row[] = [];
    for (const size of SIZES) rows.push(...(await measure(size, context)));
    return rows;
  },
};

async function measure(size: Size, { peer, quick, repeats, say }: BenchContext): Promise<Row[]> {
  const { model, batch, atLeast } = size;
  const seconds = quick ? 1 : 8;
  const ours: ModelOutput[] = [];
  const own = {
    name: 'fedloom',
    async measure() {
      const each = await Promise.all(Array.from({ length: PROCESSES }, () => ownRun({ ...size, seconds })));
      ours.push(...each);
      return together(each);
    },
  };
  const others = (peer === undefined ? [] : usableModes()).map((mode) => ({
    name: mode.name,
    measure: () => peerRun(peer?.python ?? '', size, seconds, mode),
  }));
  const [first = [], ...rest] = await interleave<Measured>([own, ...others], repeats(3), say);
  const played = others.map(({ name }, i) => ({ name, runs: rest[i] ?? [] }));
  const rate = (runs: readonly Measured[]) => median(runs.map(({ samplesPerSecond }) => samplesPerSecond));
  const best = played.toSorted((a, b) => rate(b.runs) - rate(a.runs)).at(0);
  const row = (measure: string, unit: string, of: (one: Measured) => number) => ({
    workload: 'models',
    measure: `${model}, B=${batch}: ${measure}`,
    unit,
    ours: first.map(of),
    ...(best && { peer: { name: best.name, values: best.runs.map(of) } }),
  });
  const rates = rowOf({
    ...row('training', 'samples/s', ({ samplesPerSecond }) => samplesPerSecond),
    ratio: 'higher is better',
    target: { of: 'ratio', atLeast },
  });
  if (model !== 'resnet18') return [rates];
  const memory = rowOf({
    ...row('largest memory of a process', 'MB', ({ peakBytes }) => peakBytes / 1e6),
    ratio: 'ours/peer',
    target: { of: 'ratio', atMost: 1.5 },
  });
  const compile = rowOf({
    workload: 'models',
    measure: `${model}, B=${batch}: compile and load its plan`,
    unit: 's',
    ours: ours.map(({ compileSeconds }) => compileSeconds),
    ratio: 'lower is better',
    target: { of: 'value', atMost: 2 },
    note: `the plan has ${ours.at(0)?.planBytes} bytes`,
  });
  return [rates, memory, compile];
}

function ownRun(input: ModelInput): Promise<ModelOutput> {
  return askChild<ModelOutput>('models', input);
}

async function peerRun(python: string, size: Size, seconds: number, mode: PeerMode): Promise<Measured> {
  const numbers = { batch: size.batch, steps: size.steps, seconds, threads: mode.threads };
  const options = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const script = join(benchmarksFolder, 'peers', 'models.py');
  const run = async () => {
    const { stdout } = await runProgram(python, [script, '--model', size.model, ...options]);
    return JSON.parse(stdout) as Measured;
  };
  return together(await Promise.all(Array.from({ length: mode.processes }, run)));
}

/** Processes side by side: their rates add up; of their memory the largest. */
function together(runs: readonly Measured[]): Measured {
  return {
    samplesPerSecond: runs.reduce((sum, { samplesPerSecond }) => sum + samplesPerSecond, 0),
    peakBytes: Math.max(...runs.map(({ peakBytes }) => peakBytes)),
  };
}
