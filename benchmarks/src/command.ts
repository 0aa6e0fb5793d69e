import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RoundRecord } from 'fedloom';
import { fedloomCommand, taskFile } from './places.js';
import { runProgram } from './spawned.js';

export interface CommandRun {
  readonly wallSeconds: number;
  readonly rounds: readonly RoundRecord[];
  /** On the 10,000 test images, a fraction of 1. */
  readonly accuracy: number;
}

/** Runs `fedloom run` as a user does, run folder and all, and evaluates after the last round only. */
export async function runCommand(
  task: string,
  numbers: { readonly clients: number; readonly perRound: number; readonly rounds: number },
  more: readonly string[] = [],
): Promise<CommandRun> {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-bench-'));
  try {
    const { clients, perRound, rounds } = numbers;
    const out = join(folder, 'run');
    const places = [clients, perRound, rounds].map(String);
    const args = ['run', taskFile(task), ...places, '--evaluate-every', '0', '--json', '--out', out, ...more];
    const { stdout, wallSeconds } = await runProgram(process.execPath, [fedloomCommand, ...args]);
    const records = (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RoundRecord);
    if (records.length !== rounds) throw new Error(`metrics.jsonl has ${records.length} rounds instead of ${rounds}`);
    return { wallSeconds, rounds: records, accuracy: accuracyOf(stdout) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function accuracyOf(stdout: string): number {
  const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') as { metrics?: { accuracy?: number } } | null;
  const accuracy = last?.metrics?.accuracy;
  if (typeof accuracy !== 'number')
    throw new Error(`fedloom run printed no accuracy at its end:\n${stdout.slice(-500)}`);
  return accuracy;
}
