import { mkdtemp, rm } from 'node:fs/promises';
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
    const places = [clients, perRound, rounds].map(String);
    const args = ['run', taskFile(task), ...places, '--evaluate-every', '0', '--json', '--out', folder, ...more];
    const { stdout, wallSeconds } = await runProgram(process.execPath, [fedloomCommand, ...args]);
    return { wallSeconds, ...parseEvents(stdout, rounds) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function parseEvents(stdout: string, expected: number): Omit<CommandRun, 'wallSeconds'> {
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly event: string });
  const rounds = events.filter(({ event }) => event === 'round') as unknown as RoundRecord[];
  const last = events.at(-1) as unknown as { readonly metrics?: { readonly accuracy?: number } };
  const accuracy = last.metrics?.accuracy;
  if (rounds.length !== expected || typeof accuracy !== 'number') {
    throw new Error(`fedloom run printed ${rounds.length} of ${expected} rounds, and accuracy ${accuracy} at its end`);
  }
  return { rounds, accuracy };
}
