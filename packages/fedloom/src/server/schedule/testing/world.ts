import assert from 'node:assert/strict';
import fc from 'fast-check';
import { clientIndex, knownClient } from '../../../core/brands.js';
import { initialState, step } from '../coordinator.js';
import { resumePoint, resumeState } from '../resume.js';
import type { CoordinatorOptions, CoordinatorState } from '../schedule.js';
import type { CoordinatorEffect, CoordinatorEvent, UpdateTag } from '../types.js';
import type { Auditor, Work } from './auditor.js';

const SESSIONS = ['a', 'b', 'c', 'd'];

/** What happens next, with numbers that choose among what is possible then. */
export interface Choice {
  readonly kind: (typeof KINDS)[number];
  readonly pick: number;
  readonly other: number;
}
// Frequent ones are named more often.
const KINDS = [
  ...['joinAll', 'join', 'join', 'leave', 'close', 'work', 'work', 'work', 'work', 'repeat', 'fail', 'invalid'],
  ...['garbage', 'shell', 'shell', 'shell', 'evaluate', 'evaluate', 'evaluate', 'evaluationFailed', 'opened'],
  ...['deadline', 'staleDeadline', 'staleRound', 'rogueEvaluation', 'unread', 'void'],
] as const;

export const choice: fc.Arbitrary<Choice> = fc.record({
  kind: fc.constantFrom(...KINDS),
  pick: fc.nat(1000),
  other: fc.nat(1000),
});

/** One coordinator under audit, with the peers' and the shell's side of the story. */
export class World {
  state: CoordinatorState;
  readonly events: CoordinatorEvent[] = [];
  readonly effects: (readonly CoordinatorEffect[])[] = [];
  /** All work ever given: late and repeated updates come from here. */
  #given: Work[] = [];
  #starts = 0;

  constructor(
    readonly options: CoordinatorOptions,
    auditor: (resolved: CoordinatorState['options']) => Auditor,
  ) {
    this.state = initialState(options);
    this.auditor = auditor(this.state.options);
  }
  readonly auditor: Auditor;

  send(event: CoordinatorEvent): void {
    const { state, effects } = step(this.state, event);
    this.state = state;
    this.events.push(event);
    this.effects.push(effects);
    this.auditor.observe(event, effects);
    this.#given.push(...this.auditor.work.values());
  }

  happen({ kind, pick, other }: Choice): void {
    const event = this.#event(kind, pick, other);
    if (event !== undefined) this.send(event);
  }

  /**
   * The server dies and starts anew from what the disk has.
   * @param written the disk has what it was asked to write last, though it did not say so
   * @returns whether there is anything left to do
   */
  crash(written: boolean): boolean {
    const { auditor, options } = this;
    const pending = auditor.shell.get('persisting');
    const onDisk = auditor.decisions.filter(({ round }) => written || round !== pending);
    const point = resumePoint(onDisk);
    const firstRound = onDisk.length === 0 ? auditor.options.firstRound : point.firstRound;
    if (auditor.finished !== null || firstRound >= options.rounds) return false;
    if (point.voidInARow >= auditor.options.voidRoundsMax) return false;
    this.#starts += 1;
    const firstAttempt = 1000 * this.#starts;
    this.state = resumeState({ ...options, firstAttempt }, { ...point, firstRound });
    auditor.restart(this.state.options, firstRound);
    // The shell refuses by hash what started from a version that was lost.
    this.#given = this.#given.filter(({ client, task }) => auditor.asked.has(`${client} ${task}`));
    return true;
  }

  #event(kind: string, pick: number, other: number): CoordinatorEvent | undefined {
    const { auditor } = this;
    const { clients } = auditor.options;
    const session = SESSIONS[other % SESSIONS.length] ?? 'a';
    const client = pick % clients;
    const work = choose(auditor.work.values(), pick);
    const evaluator = choose(auditor.evaluating, pick);
    const failure = { code: 'test.failed', message: 'on purpose' };
    switch (kind) {
      case 'joinAll':
        return { type: 'clientsJoined', session, ranges: [{ from: 0, count: clients }] };
      case 'join':
        return { type: 'clientsJoined', session, ranges: [{ from: client, count: 1 + (other % 3) }] };
      case 'leave': {
        const from = choose(auditor.holder.keys(), pick) ?? client;
        return { type: 'clientsLeft', session: auditor.holder.get(from) ?? session, ranges: [{ from, count: 1 }] };
      }
      case 'close':
        return { type: 'sessionClosed', session };
      case 'work':
        return work && { type: 'updateReceived', ...work };
      case 'repeat':
        return this.#again(choose(this.#given, pick));
      case 'fail':
        return work && { type: 'clientFailed', ...work, ...failure };
      case 'invalid': {
        const given = choose(this.#given, pick);
        return given && { type: 'updateInvalid', ...given, code: 'update.norm', message: 'too large' };
      }
      case 'garbage':
        return update({ session, client: knownClient(pick - 10), task: (other % 7) - 1, attempt: (pick % 9) - 1 });
      case 'opened':
        return { type: 'opened' };
      case 'shell':
        return this.#shell();
      case 'void': {
        const round = auditor.shell.get('aggregating') ?? auditor.shell.get('evaluating') ?? pick % 4;
        const [suspect] = auditor.foldedIn(round);
        const suspects = suspect && [
          { client: suspect.client, measure: 'trained', times: 99, norm: 9, sampleCount: 1 } as const,
        ];
        return { type: 'aggregationVoided', round, ...failure, ...(suspects && other % 2 === 0 && { suspects }) };
      }
      case 'evaluate':
        return evaluator === undefined ? undefined : this.#evaluation(evaluator);
      case 'rogueEvaluation':
        return { type: 'evaluationReceived', session, round: (other % 6) - 1, client: knownClient(pick % 10) };
      case 'evaluationFailed':
        return { ...this.#evaluation(evaluator ?? client), type: 'evaluationFailed', ...failure };
      case 'unread':
        return { type: 'evaluatorsUnread', session };
      case 'deadline':
        return deadline(choose(auditor.timers, pick));
      case 'staleDeadline':
        return { type: 'deadline', timer: `${other % 2 ? 'train' : 'evaluate'}:${pick % 4}:9` };
      case 'staleRound': {
        const type = (['aggregated', 'serverEvaluated', 'persisted'] as const)[other % 3] ?? 'persisted';
        return { type, round: auditor.nextRound - 1 };
      }
      default:
        throw new Error(kind);
    }
  }

  /** An update that was sent, or is sent again: on the session that its client has now, or on one that is gone. */
  #again(work: Work | undefined): CoordinatorEvent | undefined {
    if (work === undefined) return undefined;
    return update({ ...work, session: this.auditor.holder.get(work.client) ?? work.session });
  }

  #evaluation(client: number): CoordinatorEvent & { readonly type: 'evaluationReceived' } {
    const session = this.auditor.holder.get(client) ?? 'nobody';
    return { type: 'evaluationReceived', session, round: this.auditor.evaluatingRound, client: clientIndex(client) };
  }

  /** The shell does what it was asked for. */
  #shell(): CoordinatorEvent | undefined {
    const types = { aggregating: 'aggregated', evaluating: 'serverEvaluated', persisting: 'persisted' } as const;
    for (const [stage, round] of this.auditor.shell) return { type: types[stage], round };
    return undefined;
  }

  /** From here on everyone does what is asked, and whoever is away comes back once there is nothing else to do. */
  settle(): void {
    const { auditor } = this;
    const { rounds, clients } = auditor.options;
    // Each round: every client works, evaluates, joins; some timers fire.
    const stepsMax = rounds * (4 * clients + 20) + 50;
    for (let steps = 0; auditor.finished === null; steps++) {
      assert.ok(steps < stepsMax, 'it ends');
      const work = choose(auditor.work.values(), 0);
      const evaluator = choose(auditor.evaluating, 0);
      // Who is over-selected answers for nothing until its round is closed.
      if (steps % 2 === 1 && auditor.shell.size > 0) this.send(this.#shell() ?? assert.fail('the shell has work'));
      else if (work !== undefined) this.send({ type: 'updateReceived', ...work });
      else if (evaluator !== undefined) this.send(this.#evaluation(evaluator));
      else if (auditor.shell.size > 0) this.send(this.#shell() ?? assert.fail('the shell has work'));
      else if (auditor.holder.size < clients) this.#joinAbsent(clients);
      else this.send(deadline(choose(auditor.timers, 0)) ?? assert.fail('nothing is under way, and all are there'));
    }
    // Who was away at the end is told then.
    this.#joinAbsent(clients);
  }

  #joinAbsent(clients: number): void {
    const ranges = Array.from({ length: clients }, (_, from) => ({ from, count: 1 }));
    const absent = ranges.filter(({ from }) => !this.auditor.holder.has(from));
    this.send({ type: 'clientsJoined', session: 'helper', ranges: absent });
  }
}

function choose<T>(from: Iterable<T>, pick: number): T | undefined {
  const all = [...from];
  return all[pick % all.length];
}

function update(tag: UpdateTag | undefined): CoordinatorEvent | undefined {
  return tag && { type: 'updateReceived', ...tag };
}

function deadline(timer: string | undefined): CoordinatorEvent | undefined {
  return timer === undefined ? undefined : { type: 'deadline', timer };
}
