import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RoundRecord } from '../core/records.js';
import { writeWhole } from './write-whole.js';

/**
 * Has a run folder's lines say what the run's journal says: a kill may have cost some and left others too many.
 * @param records of the rounds that were recorded, ascending
 * @param rounds that were decided: updates of later ones are asked for again
 */
export async function mendLines(path: string, records: readonly RoundRecord[], rounds: number): Promise<void> {
  await writeWhole(join(path, 'metrics.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const clients = join(path, 'clients.jsonl');
  const lines = (await readFile(clients, 'utf8').catch(orNothing)).split('\n');
  await writeWhole(
    clients,
    lines
      .filter((line) => isBefore(line, rounds))
      .map((line) => `${line}\n`)
      .join(''),
  );
}

/** False for half a line too. */
function isBefore(line: string, rounds: number): boolean {
  try {
    return (JSON.parse(line) as { readonly round: number }).round < rounds;
  } catch {
    return false;
  }
}

function orNothing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}
