import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { benchmarksFolder, mnistFolder } from './places.js';
import { runProgram } from './spawned.js';

export type PeerWorkload = 'lr' | '2nn' | 'cnn' | 'lstm';

/** How the peer uses the cores. */
export interface PeerMode {
  readonly name: string;
  readonly threads: number;
  readonly processes: number;
}

/** Threads that share an operator come last: on a busy machine they are slow beyond measure. */
const PEER_MODES: readonly PeerMode[] = [
  { name: 'PyTorch, 1 thread', threads: 1, processes: 1 },
  { name: 'PyTorch, 2 processes', threads: 1, processes: 2 },
  { name: 'PyTorch, 2 threads', threads: 2, processes: 1 },
];

export interface PeerRun {
  readonly wallSeconds: number;
  /** Training and averaging, in the order of the rounds. */
  readonly roundSeconds: readonly number[];
  readonly accuracy: number;
}

export interface Peer {
  /** Its interpreter. */
  readonly python: string;
  readonly torch: string;
  run(workload: PeerWorkload, rounds: number, mode: PeerMode, limitSeconds?: number): Promise<PeerRun>;
}

export const PEER_MISSING =
  'PyTorch peer not installed: no ratio. Install it with benchmarks/peers/setup.sh (about 700 MB), then run again.';

/** The bare PyTorch loop under `peers/`, where its environment was set up. */
export async function findPeer(): Promise<Peer | undefined> {
  const folder = join(benchmarksFolder, 'peers');
  const python = join(process.env.PEERS_VENV ?? join(folder, '.venv'), 'bin', 'python');
  if (!existsSync(python)) return undefined;
  const { stdout } = await runProgram(python, ['-c', 'import torch; print(torch.__version__)']);
  return {
    python,
    torch: stdout.trim(),
    async run(workload, rounds, { threads, processes }, limitSeconds) {
      const script = join(folder, 'torch_federated.py');
      const count = { rounds, threads, processes };
      const numbers = Object.entries(count).flatMap(([name, value]) => [`--${name}`, String(value)]);
      const args = [script, '--workload', workload, ...numbers, '--data', mnistFolder, '--evaluate'];
      const { stdout: lines, wallSeconds } = await runProgram(python, args, limitSeconds ? { limitSeconds } : {});
      return { wallSeconds, ...parsePeer(lines) };
    },
  };
}

function parsePeer(lines: string): Omit<PeerRun, 'wallSeconds'> {
  const records = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { seconds?: number; accuracy?: number });
  const accuracy = records.pop()?.accuracy;
  const roundSeconds = records.map(({ seconds }) => seconds);
  if (typeof accuracy !== 'number' || !roundSeconds.every((seconds) => typeof seconds === 'number')) {
    throw new Error(`the PyTorch peer printed something unexpected:\n${lines}`);
  }
  return { accuracy, roundSeconds };
}

/** Modes that this machine has the cores for. */
export function usableModes(): readonly PeerMode[] {
  return PEER_MODES.filter(({ threads, processes }) => threads * processes <= availableParallelism());
}
