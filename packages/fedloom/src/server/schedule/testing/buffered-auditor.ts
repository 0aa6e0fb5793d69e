import assert from 'node:assert/strict';
import type { BufferedSettings } from '../buffered-state.js';
import type { ResolvedOptions } from '../schedule.js';
import type { CoordinatorEffect, CoordinatorEvent } from '../types.js';
import { Auditor } from './auditor.js';
import type { Effect } from './driver.js';

/** What the schedule `buffered` promises beyond the common. */
export class BufferedAuditor extends Auditor {
  readonly #tasks = new Map<number, number>();
  /** Clients that lost a place since the last fold was closed. */
  readonly #lost = new Set<number>();

  constructor(
    options: ResolvedOptions,
    readonly settings: BufferedSettings,
  ) {
    super(options);
  }

  override restart(options: ResolvedOptions, nextRound: number): void {
    super.restart(options, nextRound);
    this.#lost.clear();
    this.#tasks.clear();
    for (const { client, task } of this.asked.values()) {
      this.#tasks.set(client, Math.max(this.#tasks.get(client) ?? 0, task + 1));
    }
  }

  override observe(event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void {
    super.observe(event, effects);
    assert.ok(this.work.size <= this.settings.concurrency, 'no more than may train at a time');
    this.#notStuck();
  }

  protected override effect(effect: CoordinatorEffect, event: CoordinatorEvent): void {
    const known = new Set(this.asked.keys());
    super.effect(effect, event);
    const { stalenessMax, quorum, bufferSize } = this.settings;
    if (effect.type === 'configure') this.#configured(effect, known);
    if (effect.type === 'fold') {
      if (stalenessMax !== null) assert.ok(effect.staleness <= stalenessMax, 'not too old');
      if (this.foldedIn(effect.round).length === bufferSize) this.#lost.clear();
    }
    if (effect.type === 'settle' && !effect.counted) for (const client of effect.clients) this.#lost.add(client);
    if (effect.type === 'discard' && effect.code === 'update.stale') {
      const base = this.asked.get(`${effect.client} ${effect.task}`)?.base ?? 0;
      const staleness = this.newest + this.#openRound - this.#undecided - base;
      assert.ok(stalenessMax !== null && staleness > stalenessMax, 'really too old');
    }
    if (effect.type === 'aggregate') {
      assert.ok(effect.counted.length >= quorum && effect.counted.length <= bufferSize);
      if (effect.counted.length < bufferSize) this.#lost.clear();
    }
  }

  /** The fold that takes updates: the one after all that are full, or were closed otherwise. */
  get #openRound(): number {
    const last = Math.max(this.nextRound - 1, ...[...this.asked.values()].map(({ folded }) => folded?.round ?? -1));
    const closed = last < this.nextRound || this.foldedIn(last).length === this.settings.bufferSize;
    return closed || this.shell.get('aggregating') === last ? last + 1 : last;
  }

  /** The round after the last that is decided: the open one, where nothing is closed and on its way. */
  get #undecided(): number {
    return (this.decisions.at(-1)?.round ?? this.options.firstRound - 1) + 1;
  }

  #configured({ task, clients }: Effect<'configure'>, known: ReadonlySet<string>): void {
    for (const client of clients) {
      if (known.has(`${client} ${task}`)) continue;
      assert.equal(this.shell.size, 0, 'nobody starts before the disk has the version');
      assert.ok(!this.isBarred(client, this.#undecided), 'who is kept out is not asked');
      assert.equal(task, this.#tasks.get(client) ?? 0, 'tasks are counted');
      this.#tasks.set(client, task + 1);
    }
  }

  /** If nothing is under way, then only because clients are missing, and none of those present could be asked. */
  #notStuck(): void {
    if (!this.idle || this.finished !== null) return;
    if (!this.active && this.holder.size < this.options.minimumClients) return;
    assert.equal(this.settings.deadlineMs, null, 'with a deadline there is a timer');
    assert.ok(this.holder.size < this.options.clients, 'somebody is away');
    for (const client of this.holder.keys()) {
      const used =
        this.unsettled(client) !== undefined || this.#lost.has(client) || this.isBarred(client, this.#undecided);
      assert.ok(used, `client ${client} could be asked`);
    }
  }
}
