import { decodePlan } from '@fedloom/engine';
import { systemClock } from '../core/clock.js';
import { SOFTWARE } from '../core/version.js';
import { ByteBudget } from '../protocol/byte-budget.js';
import { defaultLimits } from '../protocol/limits.js';
import { ClientHost, type ClientHostOptions } from './client-host.js';

/** Bytes of models on their way to the clients of this process. */
const BUDGET_BYTES = 1 << 30;

/** The client core of a process that has memory for large models, with the system's clock. */
export function planClientHost(
  options: Pick<
    ClientHostOptions,
    | 'clients'
    | 'executor'
    | 'hash'
    | 'states'
    | 'expectedPlan'
    | 'extraStages'
    | 'keptBytesMax'
    | 'learned'
    | 'onEvent'
    | 'onOutbound'
    | 'messages'
    | 'run'
    | 'sameSoftware'
    | 'site'
  > & { readonly bodyBytesMax?: number },
): ClientHost {
  const { bodyBytesMax = defaultLimits.bodyBytesMax } = options;
  return new ClientHost({
    clock: systemClock,
    budget: new ByteBudget(Math.max(BUDGET_BYTES, bodyBytesMax)),
    limits: { ...defaultLimits, bodyBytesMax },
    software: SOFTWARE,
    decodePlan: (bytes, hash) => ({ kind: 'plan', plan: decodePlan(bytes), hash }),
    ...options,
  });
}
