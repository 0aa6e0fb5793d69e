import assert from 'node:assert/strict';
import type { IndexRange } from '../../../protocol/messages.js';
import type { CoordinatorEffect, CoordinatorEvent, ResolvedOptions } from '../types.js';
import type { Effect } from './driver.js';

/** Work that a client was given and has not finished, as far as peers can know. */
export interface Work {
  readonly session: string;
  readonly client: number;
  readonly round: number;
  readonly attempt: number;
}

/**
 * Watches a coordinator from outside: knows only the events that went in and the effects that came out, keeps its own
 * books in the plainest way, and asserts every promise that the effects make. It shares no code with the coordinator.
 */
export class Auditor {
  readonly holder = new Map<number, string>();
  /** Training under way by client. */
  readonly work = new Map<number, Work>();
  /** Clients whose evaluation is awaited. */
  readonly evaluating = new Set<number>();
  readonly timers = new Set<string>();
  aggregating = false;
  serverEvaluating = false;
  finished: Effect<'finish'> | null = null;
  round = -1;
  readonly #timersEver = new Set<string>();
  /** By round: client to the attempts it was configured with, to the folded attempt, to its settlement. */
  readonly #configured = new Map<string, number[]>();
  readonly #folded = new Map<string, number>();
  readonly #settled = new Map<string, boolean>();
  readonly #aggregated = new Set<number>();
  #counted: readonly number[] | null = null;
  #evaluations = 0;
  #asked = 0;
  #nextRound: number;

  constructor(readonly options: ResolvedOptions) {
    this.#nextRound = options.firstRound;
  }

  observe(event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void {
    const wasFinished = this.finished !== null;
    this.#before(event);
    for (const effect of effects) {
      if (wasFinished) assert.ok(['refuseJoin', 'discard', 'discardEvaluation'].includes(effect.type), effect.type);
      else assert.equal(this.finished, null, 'nothing follows finish');
      this.#effect(effect, event);
    }
    const trains = this.work.size + (this.work.size > 0 ? this.#foldedIn(this.round).length : 0);
    assert.ok(trains <= this.options.clientsPerRound, 'no more than the cohort');
    this.#answered(event, effects);
    this.#notStuck();
  }

  #before(event: CoordinatorEvent): void {
    if (event.type === 'clientsLeft') {
      for (const client of clientsOf(event.ranges)) if (this.holder.get(client) === event.session) this.#gone(client);
    } else if (event.type === 'sessionClosed') {
      for (const [client, session] of [...this.holder]) if (session === event.session) this.#gone(client);
    } else if (event.type === 'deadline') {
      // The clients' time to evaluate is over; a training timer never runs while somebody evaluates.
      if (this.timers.delete(event.timer)) this.evaluating.clear();
    } else if (event.type === 'evaluationFailed' && event.round === this.round) {
      if (this.holder.get(event.client) === event.session) this.evaluating.delete(event.client);
    } else if (event.type === 'aggregated' && event.round === this.round && this.aggregating) {
      this.aggregating = false;
      this.#aggregated.add(event.round);
    } else if (event.type === 'serverEvaluated' && event.round === this.round) {
      this.serverEvaluating = false;
    }
  }

  #gone(client: number): void {
    this.holder.delete(client);
    this.work.delete(client);
    this.evaluating.delete(client);
  }

  #effect(effect: CoordinatorEffect, event: CoordinatorEvent): void {
    switch (effect.type) {
      case 'acceptJoin':
        for (const client of clientsOf(effect.ranges)) {
          assert.equal(this.holder.get(client) ?? effect.session, effect.session, 'held by one session');
          this.holder.set(client, effect.session);
        }
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
      case 'requestEvaluation':
        this.#requestEvaluation(effect);
        break;
      case 'evaluateOnServer':
        assert.ok(this.options.evaluateOnServer);
        this.serverEvaluating = true;
        break;
      case 'recordEvaluation':
        assert.deepEqual({ ...effect, type: 'evaluationReceived' }, event);
        assert.ok(this.evaluating.delete(effect.client), 'recorded once, and only if asked');
        assert.equal(this.holder.get(effect.client), effect.session);
        this.#evaluations += 1;
        break;
      case 'roundFinished':
        this.#finishRound(effect);
        break;
      case 'setTimer':
        assert.ok(!this.#timersEver.has(effect.timer), 'timer names are fresh');
        assert.equal(this.timers.size, 0, 'one timer at a time');
        this.#timersEver.add(effect.timer);
        this.timers.add(effect.timer);
        break;
      case 'clearTimer':
        assert.ok(this.timers.delete(effect.timer), 'only running timers are cleared');
        break;
      case 'finish':
        assert.equal(this.timers.size, 0);
        if (effect.reason === 'completed') assert.equal(this.#nextRound, this.options.rounds);
        this.finished = effect;
        break;
    }
  }

  #configure({ session, round, attempt, clients }: Effect<'configure'>): void {
    const { rounds } = this.options;
    assert.equal(round, this.#nextRound, 'rounds follow one another');
    assert.ok(round < rounds && !this.aggregating);
    this.round = round;
    assert.equal(new Set(clients).size, clients.length);
    for (const client of clients) {
      assert.equal(this.holder.get(client), session, 'configured clients are present');
      const key = `${round} ${client}`;
      assert.ok(!this.#settled.has(key) && !this.#folded.has(key), 'one place a round');
      const attempts = this.#configured.get(key) ?? [];
      assert.ok(attempt > (attempts.at(-1) ?? -1), 'attempts increase');
      this.#configured.set(key, [...attempts, attempt]);
      this.work.set(client, { session, client, round, attempt });
    }
  }

  #fold({ type: _, ...tag }: Effect<'fold'>, event: CoordinatorEvent): void {
    assert.deepEqual({ type: 'updateReceived', ...tag }, event);
    const key = `${tag.round} ${tag.client}`;
    assert.equal(tag.round, this.round);
    assert.equal(this.holder.get(tag.client), tag.session);
    assert.ok(this.#configured.get(key)?.includes(tag.attempt), 'only configured updates fold');
    assert.ok(!this.#folded.has(key) && !this.#settled.has(key), 'folded once');
    this.#folded.set(key, tag.attempt);
    this.work.delete(tag.client);
  }

  #settle({ session, round, attempt, clients, counted }: Effect<'settle'>): void {
    for (const client of clients) {
      const key = `${round} ${client}`;
      assert.equal(this.holder.get(client), session);
      assert.ok(!this.#settled.has(key), 'settled once');
      assert.equal(counted, this.#folded.has(key), 'counted if folded');
      if (counted) assert.ok(this.#aggregated.has(round), 'commits follow the checkpoint');
      if (counted) assert.equal(this.#folded.get(key), attempt);
      else assert.equal(this.#configured.get(key)?.at(-1), attempt);
      this.#settled.set(key, counted);
      this.work.delete(client);
    }
  }

  #aggregate({ round, counted }: Effect<'aggregate'>): void {
    assert.equal(round, this.round);
    assert.equal(this.#counted, null, 'one aggregate a round');
    assert.deepEqual(counted, this.#foldedIn(round));
    assert.ok(counted.length >= this.options.quorum && counted.length <= this.options.clientsPerRound);
    assert.equal(this.work.size, 0, 'nobody trains on');
    this.#counted = counted;
    this.aggregating = true;
  }

  #requestEvaluation({ session, round, ranges }: Effect<'requestEvaluation'>): void {
    assert.equal(round, this.round);
    assert.ok(this.#aggregated.has(round));
    for (const client of clientsOf(ranges)) {
      assert.equal(this.holder.get(client), session);
      assert.ok(!this.evaluating.has(client));
      this.evaluating.add(client);
      this.#asked += 1;
    }
  }

  #finishRound({ round, cohort, counted, evaluated }: Effect<'roundFinished'>): void {
    const { sampler, clients, clientsPerRound, rounds, evaluateEvery, evaluateOnClients } = this.options;
    assert.equal(round, this.#nextRound, 'each round finishes once');
    assert.ok(this.#aggregated.has(round));
    assert.deepEqual(cohort, [...sampler.permutation(round, clients, clientsPerRound).slice(0, clientsPerRound)]);
    assert.deepEqual(counted, this.#counted);
    assert.ok(!this.serverEvaluating);
    if (evaluated === null) {
      assert.equal(this.#asked, 0);
    } else {
      assert.ok(round === rounds - 1 || (evaluateEvery > 0 && round % evaluateEvery === 0));
      assert.equal(evaluated.clients, this.#evaluations);
      assert.equal(clientsOf(evaluated.missing).length, this.#asked - this.#evaluations);
      if (!evaluateOnClients) assert.equal(this.#asked, 0);
    }
    for (const [key] of this.#configured) {
      const [of, client] = key.split(' ').map(Number) as [number, number];
      if (of === round && this.holder.has(client)) assert.ok(this.#settled.has(key), `${key} is settled`);
    }
    this.evaluating.clear();
    this.#counted = null;
    this.#evaluations = 0;
    this.#asked = 0;
    this.#nextRound = round + 1;
    this.round = round + 1;
  }

  /** Whatever holds something for the coordinator is told what to do with it. */
  #answered(event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void {
    const answers = (...types: CoordinatorEffect['type'][]) =>
      effects.filter(({ type }) => types.includes(type)).length;
    assert.equal(answers('fold', 'discard'), event.type === 'updateReceived' ? 1 : 0);
    assert.equal(answers('recordEvaluation', 'discardEvaluation'), event.type === 'evaluationReceived' ? 1 : 0);
    if (event.type !== 'clientsJoined' || this.finished !== null) return;
    for (const [key] of this.#configured) {
      const [round, client] = key.split(' ').map(Number) as [number, number];
      if (round < this.#nextRound && this.holder.has(client))
        assert.ok(this.#settled.has(key), `${key} is told on return`);
    }
  }

  /** If nothing is under way, then only because clients are missing, and none of those present could help. */
  #notStuck(): void {
    const { minimumClients, deadlineMs, clients, clientsPerRound, sampler } = this.options;
    const busy = this.work.size + this.evaluating.size + this.timers.size > 0;
    if (busy || this.aggregating || this.serverEvaluating || this.finished !== null) return;
    if (
      this.#nextRound === this.options.firstRound &&
      this.#configured.size === 0 &&
      this.holder.size < minimumClients
    ) {
      return;
    }
    assert.equal(deadlineMs, null, 'with a deadline there is a timer');
    assert.ok(this.holder.size < clients, 'somebody is away');
    const cohort = sampler.permutation(this.#nextRound, clients, clientsPerRound).slice(0, clientsPerRound);
    for (const client of this.holder.keys()) {
      const used = cohort.includes(client) || this.#configured.has(`${this.#nextRound} ${client}`);
      assert.ok(used, `client ${client} could replace somebody`);
    }
  }

  #foldedIn(round: number): number[] {
    const folded: number[] = [];
    for (const key of this.#folded.keys()) {
      const [of, client] = key.split(' ').map(Number) as [number, number];
      if (of === round) folded.push(client);
    }
    return folded.sort((a, b) => a - b);
  }
}

function clientsOf(ranges: readonly IndexRange[]): number[] {
  return ranges.flatMap(({ from, count }) => Array.from({ length: Math.max(0, count) }, (_, i) => from + i));
}
