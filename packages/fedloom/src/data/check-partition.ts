import { FedloomError } from '@fedloom/engine';

interface Wanted {
  readonly samples: number;
  readonly clients: number;
  readonly split: 'train' | 'test';
}

interface Checked {
  readonly offsets: Int32Array;
  readonly rows: Int32Array;
}

/**
 * Checks what a rule gave, which may be anybody's code in JavaScript: rows that exist, ascending offsets, and in the train split a sample
 * for every client and no row twice.
 * @returns it, in the arrays that partitions have where it had plain ones
 * @throws FedloomError `partition.invalid`, naming the rule, the split and the first thing at fault
 */
export function checkPartition(
  { name, overlapping = false }: { readonly name: string; readonly overlapping?: boolean },
  given: unknown,
  { samples, clients, split }: Wanted,
): Checked {
  const invalid = (what: string) =>
    new FedloomError('partition.invalid', `Partition "${name}", ${split} split: ${what}.`, { name, split });
  if (given instanceof Promise) {
    throw invalid(
      'it gave a promise, but a partition is needed at once. Load what it needs before defineTask, with await',
    );
  }
  if (typeof given !== 'object' || given === null) {
    throw invalid(
      `it gave ${given === null ? 'null' : typeof given}; { offsets, rows } is needed. Return them from it`,
    );
  }
  const { offsets: ends, rows: list } = given as { readonly offsets?: unknown; readonly rows?: unknown };
  const offsets = wholeNumbers(ends, 'offsets', invalid);
  const rows = wholeNumbers(list, 'rows', invalid);
  if (offsets.length !== clients + 1) {
    throw invalid(`${offsets.length} offsets for ${clients} clients; one more than clients is needed`);
  }
  if (offsets[0] !== 0 || offsets[clients] !== rows.length) {
    throw invalid(
      `the offsets run from ${offsets[0]} to ${offsets[clients]}; they must run from 0 to the ${rows.length} rows`,
    );
  }
  const empty: number[] = [];
  for (let client = 0; client < clients; client++) {
    const count = offsets[client + 1]! - offsets[client]!;
    if (count < 0) throw invalid(`the offsets descend at client ${client}`);
    if (count === 0) empty.push(client);
  }
  if (split === 'train' && empty.length > 0) throw invalid(`${named(empty)} no training samples`);
  const bad = firstOutside(rows, samples);
  if (bad !== undefined) throw invalid(`row ${bad} does not exist among ${samples} samples`);
  if (split === 'train' && !overlapping) refuseTwice(offsets, rows, samples, invalid);
  return { offsets, rows };
}

const NAMED_MAX = 5;

function named(clients: readonly number[]): string {
  if (clients.length === 1) return `client ${clients[0]} gets`;
  const rest = clients.length > NAMED_MAX ? ` and ${clients.length - NAMED_MAX} others` : '';
  return `clients ${clients.slice(0, NAMED_MAX).join(', ')}${rest} get`;
}

function wholeNumbers(list: unknown, what: string, invalid: (text: string) => Error): Int32Array {
  if (list instanceof Int32Array) return list;
  const isList = Array.isArray(list) || (ArrayBuffer.isView(list) && !(list instanceof DataView));
  if (!isList) {
    throw invalid(`${what} ${list === undefined ? 'is missing' : 'is no list of numbers'}; an Int32Array is needed`);
  }
  const values: readonly unknown[] = Array.from(list as ArrayLike<unknown>);
  const numbers = new Int32Array(values.length);
  for (const [place, value] of values.entries()) {
    numbers[place] = Number(value);
    if (typeof value === 'number' && Object.is(numbers[place], value)) continue;
    throw invalid(`${what}[${place}] is ${String(value)}, which is no whole number`);
  }
  return numbers;
}

function firstOutside(rows: Int32Array, samples: number): number | undefined {
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!;
    if (row < 0 || row >= samples) return row;
  }
  return undefined;
}

function refuseTwice(offsets: Int32Array, rows: Int32Array, samples: number, invalid: (text: string) => Error): void {
  const seen = new Uint8Array(samples);
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!;
    if (seen[row] === 1) {
      const [first, second] = [clientAt(offsets, rows.indexOf(row)), clientAt(offsets, at)];
      const who =
        first === second
          ? `client ${first} gets row ${row} twice`
          : `clients ${first} and ${second} both get row ${row}`;
      throw invalid(`${who}. If that is meant, say overlapping: true in definePartition`);
    }
    seen[row] = 1;
  }
}

/** The client whose piece a place lies in. */
function clientAt(offsets: Int32Array, place: number): number {
  return offsets.findIndex((end, client) => client > 0 && end > place) - 1;
}
