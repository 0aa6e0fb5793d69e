import assert from 'node:assert/strict';
import type { ResolvedOptions } from '../schedule.js';
import type { CoordinatorEvent, RoundDecision } from '../types.js';

/** The rules of quarantine and of silence once more, in the plainest way, from what is decided and what has happened. */
export class TrustAuditor {
  /** Updates that were refused for what they were, and trainings whose deadline passed: `client task`. */
  readonly #refused = new Set<string>();
  readonly #missed = new Set<string>();
  /** Clients that let a deadline pass since they joined or answered. */
  readonly overdue = new Set<number>();
  #offences: number[] = [];
  #quarantines: { client: number; from: number; until: number }[] = [];
  /** Of each client: deadlines missed in a row, and the turns that it loses for the last. */
  #silences = new Map<number, { missed: number; turns: number; since: number }>();

  constructor(public options: ResolvedOptions) {}

  restart(options: ResolvedOptions, decisions: readonly RoundDecision[]): void {
    this.options = options;
    this.overdue.clear();
    this.#offences = [];
    this.#quarantines = [];
    this.#silences = new Map();
    for (const decision of decisions) this.#book(decision);
  }

  /** @param work who trains what when it happens @param evaluating who evaluates */
  before(
    event: CoordinatorEvent,
    work: Iterable<{ readonly client: number; readonly task: number }>,
    evaluating: Iterable<number>,
    runs: (timer: string) => boolean,
  ): void {
    if (event.type === 'updateInvalid' && event.code.startsWith('update.')) {
      this.#refused.add(`${event.client} ${event.task}`);
    }
    if (event.type !== 'deadline' || !runs(event.timer)) return;
    const [kind, which] = event.timer.split(':');
    if (kind === 'evaluate') for (const client of evaluating) this.overdue.add(client);
    for (const { client, task } of work) {
      if (kind !== 'train' && !(kind === 'ask' && Number(which) === client)) continue;
      this.#missed.add(`${client} ${task}`);
      this.overdue.add(client);
    }
  }

  decided(decision: RoundDecision): void {
    for (const { client, task, offence, silent } of decision.uncounted) {
      if (offence) assert.ok(this.#refused.has(`${client} ${task}`), 'only what was refused is an offence');
      if (silent) assert.ok(this.#missed.has(`${client} ${task}`), 'only who missed a deadline is silent');
    }
    assert.deepEqual(decision.quarantined ?? [], this.#book(decision));
  }

  isBarred(client: number, round: number): boolean {
    const { turns = 0, since = 0 } = this.#silences.get(client) ?? {};
    const silent = this.options.schedule.name === 'rounds' ? turns > 0 : round < since + turns;
    return silent || this.#quarantines.some((one) => one.client === client && round >= one.from && round < one.until);
  }

  #book({ round, counted, uncounted, voided, voidUpdates }: RoundDecision) {
    const answered = [...counted, ...voidUpdates].map(({ client }) => client as number);
    for (const client of answered) this.#silences.delete(client);
    for (const { client, code, silent } of uncounted) {
      const known = this.#silences.get(client);
      if (code === 'client.silent' && known !== undefined) known.turns -= 1;
      if (!silent) continue;
      const missed = (known?.missed ?? 0) + 1;
      const turns = this.#mayBar(client, round + 1) ? Math.min(64, 2 ** (missed - 1)) : 0;
      this.#silences.set(client, { missed, turns, since: round + 1 });
    }
    const suspects = (voided?.suspects ?? []).map(({ client }) => client).filter((client) => answered.includes(client));
    const wrong = [
      ...uncounted.filter(({ offence }) => offence).map(({ client }) => client as number),
      ...answered.filter((client) => suspects.includes(client)).flatMap((client) => [client, client]),
    ];
    const { quarantineAfter } = this.options;
    const accused = new Set(wrong);
    if (quarantineAfter === null || accused.size > answered.length - suspects.length) return [];
    this.#offences.push(...wrong);
    return [...accused].flatMap((client) => {
      const many = this.#offences.filter((one) => one === client).length;
      if (many < quarantineAfter || !this.#mayBar(client, round + 1)) return [];
      const rounds = Math.min(1024, 4 * 2 ** this.#quarantines.filter((one) => one.client === client).length);
      this.#quarantines.push({ client, from: round + 1, until: round + 1 + rounds });
      this.#offences = this.#offences.filter((one) => one !== client);
      return [{ client, rounds }];
    });
  }

  #mayBar(client: number, round: number): boolean {
    const { clients, schedule } = this.options;
    const others = Array.from({ length: clients }, (_, other) => other).filter((other) => other !== client);
    return others.filter((other) => !this.isBarred(other, round)).length >= schedule.quorum;
  }
}
