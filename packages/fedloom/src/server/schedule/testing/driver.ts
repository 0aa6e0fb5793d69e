import { knownClient } from '../../../core/brands.js';
import type { IndexRange } from '../../../protocol/messages.js';
import { initialState, step } from '../coordinator.js';
import { ownOf, type RoundsOptions, rounds } from '../rounds.js';
import type { TrainingState } from '../rounds-state.js';
import type { Sampler } from '../sampling.js';
import type { CoordinatorOptions, CoordinatorState } from '../schedule.js';
import type { CoordinatorEffect, CoordinatorEvent, UpdateTag } from '../types.js';

/** Options of a run in rounds, all in one. */
export type FlatOptions = Omit<CoordinatorOptions, 'schedule'> & RoundsOptions;

export function withRounds(options: FlatOptions): CoordinatorOptions {
  return { ...options, schedule: rounds(options) };
}

/** The round that takes updates, or that took the last. */
export function trainingOf(state: CoordinatorState): TrainingState | null {
  return ownOf(state).training;
}

/** What the run is at, in a word. */
export function phaseOf(state: CoordinatorState): string {
  if (state.phase !== 'running') return state.phase;
  return state.evaluation === null ? (state.folds[0]?.stage ?? 'training') : 'evaluating';
}

export type Effect<T extends CoordinatorEffect['type']> = Extract<CoordinatorEffect, { readonly type: T }>;

/** The effects of one type. */
export function only<T extends CoordinatorEffect['type']>(effects: readonly CoordinatorEffect[], type: T): Effect<T>[] {
  return effects.filter((effect): effect is Effect<T> => effect.type === type);
}

/** Each round prefers the clients in the same given order. */
export function fixedOrder(...order: number[]): Sampler {
  return { name: 'fixed', permutation: () => Int32Array.from(order) };
}

export function ranges(...clients: number[]): IndexRange[] {
  return clients.map((from) => ({ from, count: 1 }));
}

/** A deep copy that shares nothing which changes. */
export function cloneState(state: CoordinatorState): CoordinatorState {
  const { options, ...rest } = state;
  return { options, ...structuredClone(rest) };
}

/**
 * Drives a coordinator as its shell would, and remembers who belongs to which session and was configured with which
 * attempt, so that tests can say `update(3)`.
 */
export class Driver {
  state: CoordinatorState;
  readonly log: CoordinatorEffect[] = [];
  readonly sessions = new Map<number, string>();
  readonly attempts = new Map<number, number>();
  /** The task that each was asked for last. */
  readonly tasks = new Map<number, number>();

  constructor(options: FlatOptions | CoordinatorOptions, state?: CoordinatorState) {
    this.state = state ?? initialState('schedule' in options ? options : withRounds(options));
  }

  send(event: CoordinatorEvent): readonly CoordinatorEffect[] {
    const { state, effects } = step(this.state, event);
    this.state = state;
    this.log.push(...effects);
    for (const { clients, attempt, task } of only(effects, 'configure')) {
      for (const client of clients) {
        this.attempts.set(client, attempt);
        this.tasks.set(client, task);
      }
    }
    return effects;
  }

  join(session: string, ...clients: number[]): readonly CoordinatorEffect[] {
    const effects = this.send({ type: 'clientsJoined', session, ranges: ranges(...clients) });
    for (const { ranges: accepted } of only(effects, 'acceptJoin')) {
      for (const { from, count } of accepted) {
        for (let client = from; client < from + count; client++) this.sessions.set(client, session);
      }
    }
    return effects;
  }

  leave(...clients: number[]): readonly CoordinatorEffect[] {
    return clients.flatMap((client) => {
      const session = this.sessions.get(client) ?? 'nobody';
      this.sessions.delete(client);
      return this.send({ type: 'clientsLeft', session, ranges: ranges(client) });
    });
  }

  tag(client: number, tag: Partial<UpdateTag> = {}): UpdateTag {
    const session = this.sessions.get(client) ?? 'nobody';
    const { round, options } = this.state;
    const task = options.schedule.name === 'rounds' ? round : (this.tasks.get(client) ?? 0);
    return { session, client: knownClient(client), task, attempt: this.attempts.get(client) ?? 0, ...tag };
  }

  update(client: number, tag?: Partial<UpdateTag>): readonly CoordinatorEffect[] {
    return this.send({ type: 'updateReceived', ...this.tag(client, tag) });
  }

  failed(client: number, tag?: Partial<UpdateTag>): readonly CoordinatorEffect[] {
    return this.send({ type: 'clientFailed', ...this.tag(client, tag), code: 'train.failed', message: 'no memory' });
  }

  invalid(client: number, tag?: Partial<UpdateTag>): readonly CoordinatorEffect[] {
    return this.send({ type: 'updateInvalid', ...this.tag(client, tag), code: 'update.not-finite', message: 'NaN' });
  }

  /** The candidate is there, and written at once if it may be. */
  aggregated(round = this.state.round): readonly CoordinatorEffect[] {
    return this.#written(this.send({ type: 'aggregated', round }));
  }

  voided(round = this.state.round): readonly CoordinatorEffect[] {
    return this.send({ type: 'aggregationVoided', round, code: 'model.not-finite', message: 'The loss is NaN.' });
  }

  persisted(round = this.state.round): readonly CoordinatorEffect[] {
    return this.send({ type: 'persisted', round });
  }

  /** Answers `persist`, and leaves it away. */
  #written(effects: readonly CoordinatorEffect[]): readonly CoordinatorEffect[] {
    const rest = effects.filter(({ type }) => type !== 'persist' && type !== 'dropVersion');
    return [...rest, ...only(effects, 'persist').flatMap(({ round }) => this.persisted(round))];
  }

  evaluation(client: number, tag: { session?: string; round?: number } = {}): readonly CoordinatorEffect[] {
    const { session = this.sessions.get(client) ?? 'nobody', round = this.state.round } = tag;
    return this.send({ type: 'evaluationReceived', session, round, client: knownClient(client) });
  }

  evaluationFailed(client: number): readonly CoordinatorEffect[] {
    const { session } = this.tag(client);
    const { round } = this.state;
    return this.send({
      type: 'evaluationFailed',
      session,
      round,
      client: knownClient(client),
      code: 'evaluate.failed',
      message: 'no data',
    });
  }

  serverEvaluated(round = this.state.round): readonly CoordinatorEffect[] {
    return this.#written(this.send({ type: 'serverEvaluated', round }));
  }

  /** Fires the timer that was set last. */
  deadline(): readonly CoordinatorEffect[] {
    return this.send({ type: 'deadline', timer: only(this.log, 'setTimer').at(-1)?.timer ?? 'none' });
  }

  abort(): readonly CoordinatorEffect[] {
    return this.send({ type: 'abort', reason: 'cancelled', code: 'run.cancelled', message: 'Ctrl-C' });
  }
}
