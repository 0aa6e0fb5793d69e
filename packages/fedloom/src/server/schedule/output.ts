import { sessionOf } from './membership.js';
import type { CoordinatorState, Settlement } from './state.js';
import type { CoordinatorEffect } from './types.js';

/** A training that a client is asked for. */
export interface Ask {
  readonly client: number;
  readonly base: number;
  readonly task: number;
  readonly attempt: number;
}

/** Collects the effects of one step. Clients of one session with the same news share one effect. */
export class Output {
  readonly effects: CoordinatorEffect[] = [];
  /** Made when first needed: most steps have no groups. */
  #groups: Map<string, number[]> | undefined;

  push(effect: CoordinatorEffect): void {
    this.effects.push(effect);
  }

  warn(code: string, message: string): void {
    this.effects.push({ type: 'warn', code, message });
  }

  setTimer(state: CoordinatorState, timer: string, delayMs: number): void {
    state.timers.add(timer);
    this.effects.push({ type: 'setTimer', timer, delayMs });
  }

  /** Nothing, if it is not running. */
  clearTimer(state: CoordinatorState, timer: string | null): void {
    if (timer !== null && state.timers.delete(timer)) this.effects.push({ type: 'clearTimer', timer });
  }

  configure(session: string, { client, base, task, attempt }: Ask): void {
    this.#group(`c ${base} ${task} ${attempt} ${session}`, client, (clients) => ({
      type: 'configure',
      session,
      base,
      task,
      attempt,
      clients,
    }));
  }

  /** Tells a client what became of its update, now or when it joins again. */
  settle(state: CoordinatorState, client: number, settlement: Settlement): void {
    const session = sessionOf(state.membership, client);
    if (session === undefined) {
      state.owed.set(client, settlement);
      return;
    }
    const { task, attempt, counted, reason } = settlement;
    this.#group(`s ${task} ${attempt} ${counted} ${session}\n${reason}`, client, (clients) => ({
      type: 'settle',
      session,
      ...settlement,
      clients,
    }));
  }

  #group(key: string, client: number, effect: (clients: number[]) => CoordinatorEffect): void {
    this.#groups ??= new Map();
    const known = this.#groups.get(key);
    if (known !== undefined) {
      known.push(client);
      return;
    }
    const clients = [client];
    this.#groups.set(key, clients);
    this.effects.push(effect(clients));
  }
}

/** Ends the run, whatever it was doing. */
export function finish(
  state: CoordinatorState,
  reason: 'completed' | 'failed' | 'cancelled',
  code: string,
  message: string,
  output: Output,
): void {
  for (const timer of state.timers) output.push({ type: 'clearTimer', timer });
  state.timers.clear();
  state.phase = 'finished';
  state.evaluation = null;
  state.folds.length = 0;
  state.owed.clear();
  state.unsettled.clear();
  state.trainers.clear();
  output.push({ type: 'finish', reason, code, message });
}
