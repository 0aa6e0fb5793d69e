import assert from 'node:assert/strict';
import type { RoundsSettings } from '../rounds-state.js';
import type { ResolvedOptions } from '../schedule.js';
import type { CoordinatorEffect, CoordinatorEvent } from '../types.js';
import { Auditor } from './auditor.js';
import type { Effect } from './driver.js';

/** What the schedule `rounds` promises beyond the common. */
export class RoundsAuditor extends Auditor {
  #round = -1;

  constructor(
    options: ResolvedOptions,
    readonly settings: RoundsSettings,
  ) {
    super(options);
  }

  override restart(options: ResolvedOptions, nextRound: number): void {
    super.restart(options, nextRound);
    this.#round = nextRound;
  }

  override observe(event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void {
    super.observe(event, effects);
    const trains = this.work.size + (this.work.size > 0 ? this.foldedIn(this.#round).length : 0);
    assert.ok(trains <= this.#places, 'no more than the cohort');
    this.#notStuck();
  }

  get #places(): number {
    const { clientsPerRound, overSelect } = this.settings;
    return Math.min(this.options.clients, Math.ceil(clientsPerRound * overSelect - 1e-6));
  }

  protected override effect(effect: CoordinatorEffect, event: CoordinatorEvent): void {
    const known = new Set(this.asked.keys());
    super.effect(effect, event);
    if (effect.type === 'configure') this.#configured(effect, known);
    if (effect.type === 'persist') this.#written(effect);
    if (effect.type === 'aggregate') {
      const { quorum, clientsPerRound } = this.settings;
      assert.ok(effect.counted.length >= quorum && effect.counted.length <= clientsPerRound);
      for (const { task } of this.work.values()) assert.notEqual(task, effect.round, 'nobody trains on');
    }
  }

  #configured({ base, task, clients }: Effect<'configure'>, known: ReadonlySet<string>): void {
    for (const client of clients) {
      if (!known.has(`${client} ${task}`)) assert.ok(!this.isBarred(client, task), 'who is kept out is not asked');
    }
    assert.equal(base, this.newest, 'all start from the newest version');
    assert.ok(task >= this.#round && task < this.options.rounds, 'rounds follow one another');
    this.#round = task;
  }

  #written({ round, cohort, counted, uncounted, replaced, voided }: Effect<'persist'>): void {
    const { sampler, clientsPerRound } = this.settings;
    const order = [...sampler.permutation(round, this.options.clients, clientsPerRound)];
    assert.deepEqual(cohort, order.slice(0, this.#places));
    const members = new Set([...counted, ...uncounted].map(({ client }) => client));
    for (const client of cohort) assert.ok(members.has(client), 'of each it is said what became of it');
    for (const { client, by } of replaced) {
      assert.ok(
        uncounted.some((other) => other.client === client),
        'who was replaced does not count',
      );
      assert.ok(members.has(by) && !cohort.includes(by));
    }
    if (voided === null) assert.equal(members.size, counted.length + uncounted.length);
  }

  /** If nothing is under way, then only because clients are missing, and none of those present could help. */
  #notStuck(): void {
    if (!this.idle || this.finished !== null) return;
    const { minimumClients, clients } = this.options;
    const { deadlineMs, clientsPerRound, sampler } = this.settings;
    if (!this.active && this.holder.size < minimumClients) return;
    assert.equal(deadlineMs, null, 'with a deadline there is a timer');
    assert.ok(this.holder.size < clients, 'somebody is away');
    const cohort = sampler.permutation(this.nextRound, clients, clientsPerRound).slice(0, this.#places);
    for (const client of this.holder.keys()) {
      const used =
        cohort.includes(client) ||
        this.asked.has(`${client} ${this.nextRound}`) ||
        this.isBarred(client, this.nextRound);
      assert.ok(used, `client ${client} could replace somebody`);
    }
  }
}
