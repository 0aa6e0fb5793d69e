import { sessionOf } from './membership.js';
import type { CoordinatorEffect, CoordinatorState, Settlement } from './types.js';

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

  configure(session: string, round: number, attempt: number, client: number): void {
    this.#group(`c ${round} ${attempt} ${session}`, client, (clients) => ({
      type: 'configure',
      session,
      round,
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
    const { round, attempt, counted, reason } = settlement;
    this.#group(`s ${round} ${attempt} ${counted} ${session}\n${reason}`, client, (clients) => ({
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
  for (const timer of [state.training?.timer, state.evaluation?.timer]) {
    if (timer != null) output.push({ type: 'clearTimer', timer });
  }
  state.phase = 'finished';
  state.training = null;
  state.evaluation = null;
  state.nextOrder = null;
  state.owed.clear();
  output.push({ type: 'finish', reason, code, message });
}
