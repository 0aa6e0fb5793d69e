import { encodeHead, readLog } from '../../../packages/fedloom/dist/journal/entries.js';
import type { JournalRecord, RoundDecided } from '../../../packages/fedloom/dist/journal/record.js';
import { decodeRecords } from '../../../packages/fedloom/dist/journal/record-codec.js';

/**
 * What a journal's log has promised, followed write by write: what was once there must stay, and what may be told to anybody is
 * what is there.
 */
export class Durable {
  readonly rounds: RoundDecided[] = [];
  /** The hash of each version's `model` body; `-1`: what the run began with. */
  readonly hashes = new Map<number, string>();
  finished: { readonly rounds: number; readonly modelHash: string } | undefined;
  /** By client and task. */
  readonly #counted = new Map<string, RoundDecided>();

  constructor(private readonly onProblem: (problem: string) => void) {}

  /** An append has come to the disk. */
  appended(bytes: Uint8Array): void {
    const head = encodeHead();
    if (bytes.length === head.length && bytes.every((byte, i) => byte === head[i])) return;
    const log = new Uint8Array(head.length + bytes.length);
    log.set(head);
    log.set(bytes, head.length);
    const { entries, end } = readLog(log);
    if (end.kind !== 'whole' || entries.length === 0) this.onProblem('an append is not whole entries');
    for (const record of entries.flatMap((entry) => decodeRecords(entry))) this.#take(record);
  }

  /** The log as a process finds it: all that was promised, and perhaps the write that was under way. */
  found(log: Uint8Array): void {
    const records = readLog(log).entries.flatMap((entry) => decodeRecords(entry));
    const rounds = records.filter((record) => record.kind === 'round');
    for (const [place, round] of this.rounds.entries()) {
      const found = rounds[place];
      if (found === undefined) this.onProblem(`round ${round.round} was on the disk, and is gone`);
      else if (JSON.stringify(found) !== JSON.stringify(round)) this.onProblem(`round ${round.round} has changed`);
    }
    if (this.finished !== undefined && !records.some(({ kind }) => kind === 'finished')) {
      this.onProblem('the run was finished, and is not any more');
    }
    const known = this.rounds.length;
    for (const record of records) {
      if (record.kind !== 'round' || record.round >= known) this.#take(record);
    }
  }

  /** By the versions' numbers. */
  get versionHashes(): string[] {
    const made = this.rounds.filter(({ outcome }) => outcome === 'counted').map(({ round }) => round);
    return [-1, ...made].map((round) => this.hashes.get(round) ?? '');
  }

  hasCounted(client: number, task: number): boolean {
    return this.#counted.has(`${client}/${task}`);
  }

  /** The task of the client's last update that counted, before this one. */
  lastCounted(client: number, before: number): number | undefined {
    for (const { counted } of [...this.rounds].reverse()) {
      const found = counted.find((update) => update.client === client && update.task < before);
      if (found !== undefined) return found.task;
    }
    return undefined;
  }

  #take(record: JournalRecord): void {
    if (record.kind === 'version') this.hashes.set(record.round, Object.values(record.models)[0]?.hash ?? '');
    else if (record.kind === 'finished') this.finished = record;
    else if (record.kind === 'round') this.#takeRound(record);
  }

  #takeRound(record: RoundDecided): void {
    const { round, counted, outcome } = record;
    if (round !== this.rounds.length) this.onProblem(`round ${round} was decided where ${this.rounds.length} was due`);
    this.rounds.push(record);
    if ((outcome === 'void') !== (counted.length === 0))
      this.onProblem(`round ${round} is ${outcome} with ${counted.length} counted`);
    for (const { client, task } of counted) {
      const key = `${client}/${task}`;
      const before = this.#counted.get(key);
      if (before !== undefined)
        this.onProblem(`client ${client} counted twice for task ${task}: in rounds ${before.round} and ${round}`);
      this.#counted.set(key, record);
    }
  }
}
