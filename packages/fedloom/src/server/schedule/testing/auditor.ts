import assert from 'node:assert/strict';
import type { ClientIndex } from '../../../core/brands.js';
import type { IndexRange } from '../../../protocol/messages.js';
import type { ResolvedOptions } from '../schedule.js';
import type { CoordinatorEffect, CoordinatorEvent, CountedUpdate } from '../types.js';
import type { Effect } from './driver.js';
import { TrustAuditor } from './trust-auditor.js';

/** Work that a client was given and has not finished, as far as peers can know. */
export interface Work {
  readonly session: string;
  readonly client: ClientIndex;
  readonly task: number;
  readonly attempt: number;
}

/** One training that was asked for, over all its attempts. */
interface Asked {
  readonly client: number;
  readonly task: number;
  readonly base: number;
  readonly attempts: number[];
  folded: { readonly round: number; readonly attempt: number; readonly newest: number } | null;
  settled: boolean | null;
}

type Stage = 'aggregating' | 'evaluating' | 'persisting';

const AFTER_THE_END: ReadonlySet<CoordinatorEffect['type']> = new Set([
  'acceptJoin',
  'refuseJoin',
  'settle',
  'dismiss',
  'discard',
  'discardEvaluation',
]);

/**
 * Watches a coordinator from outside: knows only the events that went in and the effects that came out, keeps its own
 * books in the plainest way, and asserts every promise that the effects make, whatever the schedule. It shares no code with
 * the coordinator.
 */
export class Auditor {
  readonly holder = new Map<number, string>();
  /** Training under way by client. */
  readonly work = new Map<number, Work>();
  /** Clients whose evaluation is awaited. */
  readonly evaluating = new Set<number>();
  evaluatingRound = -1;
  readonly timers = new Set<string>();
  /** What the shell is asked for, and for which round. */
  readonly shell = new Map<Stage, number>();
  finished: Effect<'finish'> | null = null;
  /** All that were asked for, by `client task`. */
  readonly asked = new Map<string, Asked>();
  /** Versions that the server keeps. */
  readonly versions = new Set<number>();
  /** The newest that clients may start from. */
  newest: number;
  /** Somebody was asked to train since the server started. */
  active = false;
  readonly decisions: Effect<'persist'>[] = [];
  /** The round that is recorded next. */
  nextRound: number;
  readonly #timersEver = new Set<string>();
  readonly #persisted = new Set<number>();
  /** Trainings whose end is written down, by `client task`. */
  readonly #ended = new Set<string>();
  /** By round: the versions that there were when it was written down. */
  readonly #written = new Map<number, ReadonlySet<number>>();
  /** Who was asked to evaluate the round, once or again. */
  readonly #requested = new Set<number>();
  readonly #recorded = new Set<number>();

  readonly trust: TrustAuditor;
  /** Who was kept out of the round that was aggregated last. */
  #barred: ReadonlySet<number> = new Set();

  constructor(public options: ResolvedOptions) {
    this.trust = new TrustAuditor(options);
    this.nextRound = options.firstRound;
    this.newest = options.firstRound;
    this.versions.add(options.firstRound);
  }

  /**
   * The server has started anew: it knows what is on the disk, up to this round. Of each client the last decision is told again;
   * trainings that no decision mentions are forgotten.
   */
  restart(options: ResolvedOptions, nextRound: number): void {
    this.options = options;
    this.decisions.splice(this.decisions.findIndex(({ round }) => round >= nextRound) >>> 0);
    /** What is told again: the last that counted, and the last. */
    const told = new Map<number, readonly Asked[]>();
    const kept = new Map<string, Asked>();
    const open = new Map<string, { readonly base: number; readonly attempt: number }>();
    for (const { round, counted, uncounted, started } of this.decisions) {
      this.#persisted.add(round);
      for (const { client, task } of [...uncounted, ...counted]) {
        const asked = this.asked.get(`${client} ${task}`);
        if (asked === undefined) continue;
        kept.set(`${client} ${task}`, asked);
        const before = counted.some((update) => update.client === client) ? [] : (told.get(client) ?? []);
        told.set(client, [...before.filter((earlier) => this.#hasCounted(earlier)), asked]);
        open.delete(`${client} ${task}`);
      }
      for (const one of started) open.set(`${one.client} ${one.task}`, one);
    }
    // Other decisions are not told again, also those that somebody was away for.
    for (const asked of kept.values()) asked.settled ??= asked.folded !== null;
    for (const [key, { attempt }] of open) {
      const asked = this.asked.get(key);
      assert.ok(asked !== undefined, 'who trains on was asked');
      asked.folded = null;
      asked.settled = null;
      asked.attempts.splice(asked.attempts.indexOf(attempt) + 1);
      kept.set(key, asked);
    }
    for (const asked of [...told.values()].flat()) asked.settled = null;
    this.asked.clear();
    for (const [key, asked] of kept) this.asked.set(key, asked);
    this.newest = this.decisions.filter(({ voided }) => voided === null).length;
    this.nextRound = nextRound;
    this.#ended.clear();
    for (const { counted, uncounted } of this.decisions) this.#end([...counted, ...uncounted]);
    const written = this.#written.get(nextRound - 1);
    this.versions.clear();
    this.versions.add(this.newest);
    for (const { base } of open.values()) {
      assert.ok(base === this.newest || written?.has(base), 'what somebody trains from is on the disk');
      this.versions.add(base);
    }
    for (const gone of [this.holder, this.work, this.evaluating, this.timers, this.#timersEver, this.shell])
      gone.clear();
    this.trust.restart(options, this.decisions);
    this.active = false;
    this.#requested.clear();
    this.#recorded.clear();
  }

  observe(event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void {
    const wasFinished = this.finished !== null;
    this.#before(event);
    for (const effect of effects) {
      if (wasFinished) assert.ok(AFTER_THE_END.has(effect.type), effect.type);
      else assert.equal(this.finished, null, 'nothing follows finish');
      this.effect(effect, event);
    }
    this.#answered(event, effects);
    if (this.finished === null) this.#boundedVersions();
  }

  /** Nothing is under way: neither peers nor the shell nor a timer owe an event. */
  get idle(): boolean {
    return this.work.size + this.evaluating.size + this.timers.size + this.shell.size === 0;
  }

  #before(event: CoordinatorEvent): void {
    this.trust.before(event, this.work.values(), this.evaluating, (timer) => this.timers.has(timer));
    if (event.type === 'clientsLeft') {
      for (const client of clientsOf(event.ranges)) if (this.holder.get(client) === event.session) this.#gone(client);
    } else if (event.type === 'sessionClosed') {
      for (const [client, session] of [...this.holder]) if (session === event.session) this.#gone(client);
    } else if (event.type === 'deadline') {
      // The clients' time to evaluate is over.
      if (this.timers.delete(event.timer) && event.timer.startsWith('evaluate:')) this.evaluating.clear();
    } else if (event.type === 'evaluatorsUnread') {
      for (const client of [...this.evaluating]) {
        if (this.holder.get(client) !== event.session) continue;
        this.evaluating.delete(client);
        this.trust.overdue.add(client);
      }
    } else if (event.type === 'evaluationFailed' && event.round === this.evaluatingRound) {
      if (this.holder.get(event.client) === event.session) this.evaluating.delete(event.client);
    } else if (event.type === 'aggregated') {
      this.#done('aggregating', event.round);
    } else if (event.type === 'serverEvaluated') {
      this.#done('evaluating', event.round);
    } else if (event.type === 'aggregationVoided') {
      if (this.#done('aggregating', event.round) || this.#done('evaluating', event.round)) this.evaluating.clear();
    } else if (event.type === 'persisted') {
      if (this.#done('persisting', event.round)) this.#persisted.add(event.round);
    }
  }

  #done(stage: Stage, round: number): boolean {
    return this.shell.get(stage) === round && this.shell.delete(stage);
  }

  #gone(client: number): void {
    this.holder.delete(client);
    this.trust.overdue.delete(client);
    this.work.delete(client);
    this.evaluating.delete(client);
  }

  protected effect(effect: CoordinatorEffect, event: CoordinatorEvent): void {
    switch (effect.type) {
      case 'acceptJoin':
        for (const client of clientsOf(effect.ranges)) {
          const holder = this.finished === null ? this.holder.get(client) : undefined;
          assert.equal(holder ?? effect.session, effect.session, 'held by one session');
          this.holder.set(client, effect.session);
        }
        break;
      case 'takeOver':
        for (const client of effect.clients) {
          assert.equal(this.holder.get(client), effect.session);
          assert.ok(this.trust.overdue.has(client), 'it let a deadline pass');
          assert.ok(event.type === 'clientsJoined' && event.session !== effect.session, 'somebody else asks for it');
          this.#gone(client);
        }
        assert.equal(effect.keeps, [...this.holder.values()].includes(effect.session));
        break;
      case 'configure':
        this.#configure(effect);
        break;
      case 'fold':
        this.#fold(effect, event);
        break;
      case 'settle':
        this.#settle(effect);
        break;
      case 'aggregate':
        this.#aggregate(effect);
        break;
      case 'persist':
        this.#persist(effect, event);
        break;
      case 'dropVersion':
        assert.ok(effect.number < this.newest && this.versions.delete(effect.number), 'old, and dropped once');
        break;
      case 'requestEvaluation':
        this.#requestEvaluation(effect);
        break;
      case 'evaluateOnServer':
        assert.ok(this.options.evaluateOnServer && this.shell.size === 0);
        this.shell.set('evaluating', effect.round);
        break;
      case 'recordEvaluation':
        assert.deepEqual({ ...effect, type: 'evaluationReceived' }, event);
        assert.ok(this.evaluating.delete(effect.client), 'recorded once, and only if asked');
        assert.equal(this.holder.get(effect.client), effect.session);
        this.#recorded.add(effect.client);
        this.trust.overdue.delete(effect.client);
        break;
      case 'roundFinished':
        this.#finishRound(effect);
        break;
      case 'setTimer':
        assert.ok(!this.#timersEver.has(effect.timer), `timer names are fresh: ${effect.timer}`);
        this.#timersEver.add(effect.timer);
        this.timers.add(effect.timer);
        break;
      case 'clearTimer':
        assert.ok(this.timers.delete(effect.timer), 'only running timers are cleared');
        break;
      case 'finish':
        assert.equal(this.timers.size, 0);
        if (effect.reason === 'completed') assert.equal(this.nextRound, this.options.rounds);
        this.finished = effect;
        break;
    }
  }

  #configure({ session, base, task, attempt, clients }: Effect<'configure'>): void {
    this.active = true;
    assert.ok(this.versions.has(base), 'the server has the version');
    assert.equal(new Set(clients).size, clients.length);
    for (const client of clients) {
      assert.equal(this.holder.get(client), session, 'configured clients are present');
      assert.ok(!this.work.has(client), 'one training at a time');
      assert.equal(this.unsettled(client), undefined, 'nobody trains while an update of its own is not settled');
      const known = this.asked.get(`${client} ${task}`);
      const asked = known ?? { client, task, base, attempts: [], folded: null, settled: null };
      if (known === undefined) assert.equal(base, this.newest, 'a task begins with the newest version');
      assert.equal(base, asked.base, 'a task keeps its version');
      assert.equal(asked.settled, null, 'a task ends with its settlement');
      assert.ok(attempt > (asked.attempts.at(-1) ?? this.options.firstAttempt - 1), 'attempts increase');
      asked.attempts.push(attempt);
      this.asked.set(`${client} ${task}`, asked);
      this.work.set(client, { session, client, task, attempt });
    }
  }

  #fold(effect: Effect<'fold'>, event: CoordinatorEvent): void {
    const { session, client, task, attempt, round, base, staleness } = effect;
    assert.deepEqual({ type: 'updateReceived', session, client, task, attempt }, event);
    const asked = this.asked.get(`${client} ${task}`);
    assert.ok(asked !== undefined, 'only what was asked for folds');
    const former = attempt < this.options.firstAttempt;
    assert.ok(asked.attempts.includes(attempt) || former, 'only configured attempts fold');
    assert.equal(this.holder.get(client), session);
    assert.ok(asked.folded === null && asked.settled === null, 'folded once');
    assert.ok(!this.decisions.some((decision) => decision.round >= round), 'into a fold that is open');
    assert.equal(base, asked.base);
    assert.ok(this.versions.has(base), 'the base is still there');
    const undecided = (this.decisions.at(-1)?.round ?? this.options.firstRound - 1) + 1;
    assert.equal(staleness, this.newest + round - undecided - base);
    asked.folded = { round, attempt, newest: this.newest };
    this.trust.overdue.delete(client);
    this.work.delete(client);
  }

  /** Whether it is among what its round counted. */
  #hasCounted({ client, task, folded }: Asked): boolean {
    if (folded === null) return false;
    const decision = this.decisions.find(({ round }) => round === folded.round);
    return decision?.counted.some((update) => update.client === client && update.task === task) ?? false;
  }

  #settle({ session, task, attempt, clients, counted }: Effect<'settle'>): void {
    for (const client of clients) {
      const asked = this.asked.get(`${client} ${task}`);
      assert.ok(asked !== undefined && asked.settled === null, 'asked, and settled once');
      assert.equal(this.holder.get(client), session);
      if (asked.folded === null) {
        assert.equal(counted, false);
        assert.equal(attempt, asked.attempts.at(-1));
      } else {
        const { round } = asked.folded;
        assert.ok(this.#persisted.has(round), 'what was folded is settled after its record is safe');
        assert.equal(counted, this.#decision(round).voided === null, 'counted unless void');
        assert.equal(attempt, asked.folded.attempt);
      }
      asked.settled = counted;
      if (this.work.get(client)?.task === task) this.work.delete(client);
    }
  }

  #aggregate({ round, counted }: Effect<'aggregate'>): void {
    assert.equal(this.shell.size, 0, 'one fold at a time');
    assert.equal(round, this.nextRound, 'in order');
    assert.ok(!this.decisions.some((decision) => decision.round === round), 'once');
    assert.deepEqual(
      counted,
      this.foldedIn(round)
        .map(({ client }) => client)
        .sort(ascending),
    );
    assert.ok(counted.length > 0);
    this.shell.set('aggregating', round);
    const all = Array.from({ length: this.options.clients }, (_, client) => client);
    this.#barred = new Set(all.filter((client) => this.isBarred(client, round)));
  }

  #persist(effect: Effect<'persist'>, event: CoordinatorEvent): void {
    this.#written.set(effect.round, new Set(this.versions));
    this.#end([...effect.counted, ...effect.uncounted]);
    const { round, counted, uncounted, voided, voidUpdates } = effect;
    assert.equal(this.shell.size, 0, 'the candidate is there');
    assert.equal(round, this.nextRound);
    const folded = this.foldedIn(round).map(({ client, base, task, folded: at }) => {
      return { client, base, task, attempt: at?.attempt, newest: at?.newest } as CountedUpdate;
    });
    folded.sort((a, b) => a.client - b.client);
    assert.deepEqual(counted, event.type === 'aggregationVoided' ? [] : folded);
    assert.deepEqual(voidUpdates, event.type === 'aggregationVoided' ? folded : []);
    assert.equal(voided === null, event.type !== 'aggregationVoided');
    if (voided !== null) assert.ok(folded.every(({ client }) => uncounted.some((other) => other.client === client)));
    for (const { client, task, attempt } of uncounted) {
      const asked = this.asked.get(`${client} ${task}`);
      if (voided === null)
        assert.ok(!asked?.folded || asked.folded.round !== round, 'who counts is not among the others');
      if (attempt === null) assert.equal(asked, undefined);
      else assert.ok(asked?.attempts.includes(attempt) || attempt < this.options.firstAttempt);
    }
    this.shell.set('persisting', round);
    this.trust.decided(effect);
    this.decisions.push(effect);
    if (voided !== null) return;
    this.newest += 1;
    this.versions.add(this.newest);
  }

  #requestEvaluation({ session, round, ranges }: Effect<'requestEvaluation'>): void {
    assert.equal(round, this.nextRound);
    assert.ok(this.options.evaluateOnClients && this.shell.get('aggregating') !== round, 'the candidate is there');
    if (this.options.evaluateAfterSettlement) assert.ok(this.#persisted.has(round));
    this.evaluatingRound = round;
    for (const client of clientsOf(ranges)) {
      assert.equal(this.holder.get(client), session);
      assert.ok(!this.#barred.has(client), 'who is kept out evaluates nothing');
      assert.ok(!this.evaluating.has(client));
      if (this.options.evaluateAfterSettlement) {
        assert.notEqual(this.unsettled(client)?.folded?.round, round, 'knows what became of its update');
      }
      this.evaluating.add(client);
      assert.ok(!this.#recorded.has(client), 'nobody is asked again who has answered');
      this.#requested.add(client);
    }
  }

  #finishRound(effect: Effect<'roundFinished'>): void {
    const { type: _, counted, evaluated, ...rest } = effect;
    const { rounds, evaluateEvery, evaluateOnClients } = this.options;
    const { round } = rest;
    assert.equal(round, this.nextRound, 'each round finishes once, in order');
    assert.ok(this.#persisted.has(round), 'results are told when they are safe');
    const { type: __, started: ___, position: ____, voidUpdates: _____, ...decision } = this.#decision(round);
    assert.deepEqual(
      { ...rest, counted },
      { ...decision, counted: decision.counted.map(({ client }) => client) },
      'recorded as written down',
    );
    assert.equal(this.evaluating.size, 0);
    assert.notEqual(this.shell.get('evaluating'), round);
    if (evaluated === null) {
      if (decision.voided === null) assert.equal(this.#requested.size, 0);
    } else {
      assert.ok(round === rounds - 1 || (evaluateEvery > 0 && round % evaluateEvery === 0));
      assert.equal(clientsOf(evaluated.recorded).length, this.#recorded.size);
      assert.equal(clientsOf(evaluated.missing).length, this.#requested.size - this.#recorded.size);
      if (!evaluateOnClients) assert.equal(this.#requested.size, 0);
    }
    for (const { client, settled } of this.foldedIn(round)) {
      if (this.holder.has(client)) assert.notEqual(settled, null, `client ${client} is settled`);
    }
    this.#requested.clear();
    this.#recorded.clear();
    this.nextRound = round + 1;
  }

  /** Whatever holds something for the coordinator is told what to do with it. */
  #answered(event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void {
    const answers = (...types: CoordinatorEffect['type'][]) =>
      effects.filter(({ type }) => types.includes(type)).length;
    assert.equal(answers('fold', 'discard'), event.type === 'updateReceived' ? 1 : 0);
    assert.equal(answers('recordEvaluation', 'discardEvaluation'), event.type === 'evaluationReceived' ? 1 : 0);
    if (event.type !== 'clientsJoined') return;
    const last = effects.at(-1);
    if (this.finished !== null && effects[0]?.type !== 'finish' && last?.type !== 'finish') {
      assert.deepEqual(last, { type: 'dismiss', session: event.session }, 'who comes after the end is told of it last');
    }
    for (const { client, folded, settled } of this.asked.values()) {
      if (folded === null || folded.round >= this.nextRound || !this.holder.has(client)) continue;
      assert.notEqual(settled, null, `client ${client} is told on return`);
    }
  }

  #end(updates: readonly { readonly client: number; readonly task: number }[]): void {
    for (const { client, task } of updates) this.#ended.add(`${client} ${task}`);
  }

  /** Each version but the newest is one that somebody may still train from, or does by what is written down so far. */
  #boundedVersions(): void {
    const open = [...this.asked].filter(([key]) => !this.#ended.has(key));
    const bases = new Set(open.map(([, { base }]) => base));
    assert.ok(this.versions.has(this.newest));
    for (const version of this.versions)
      assert.ok(version === this.newest || bases.has(version), 'nobody trains from it');
    for (const { client, task } of this.work.values()) {
      assert.ok(this.versions.has(this.asked.get(`${client} ${task}`)?.base ?? -1), 'its version is there');
    }
  }

  #decision(round: number): Effect<'persist'> {
    const decision = this.decisions.find((other) => other.round === round);
    assert.ok(decision !== undefined, `round ${round} was written down`);
    return decision;
  }

  /** Whether the client is not to be asked in a round. */
  isBarred(client: number, round: number): boolean {
    return this.trust.isBarred(client, round);
  }

  unsettled(client: number): Asked | undefined {
    return [...this.asked.values()].find(
      (asked) => asked.client === client && asked.folded !== null && asked.settled === null,
    );
  }

  foldedIn(round: number): Asked[] {
    return [...this.asked.values()].filter(({ folded }) => folded?.round === round);
  }
}

export function clientsOf(ranges: readonly IndexRange[]): number[] {
  return ranges.flatMap(({ from, count }) => Array.from({ length: Math.max(0, count) }, (_, i) => from + i));
}

function ascending(a: number, b: number): number {
  return a - b;
}
