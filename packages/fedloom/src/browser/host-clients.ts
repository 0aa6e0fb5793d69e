import { decodePlan, defaultPlanMemoryLimits, FedloomError } from '@fedloom/engine';
import type { GraphBackend } from '@fedloom/engine/run';
import { ClientHost } from '../client/client-host.js';
import { type JoinEvent, serveUntilFinished } from '../client/serve-until-finished.js';
import { SiteGuard } from '../client/site-guard.js';
import { PlanExecutor } from '../compute/plan-executor.js';
import { systemClock } from '../core/clock.js';
import { SOFTWARE } from '../core/version.js';
import { ByteBudget } from '../protocol/byte-budget.js';
import { defaultLimits } from '../protocol/limits.js';
import type { Finish } from '../protocol/messages.js';
import { tokenAuth } from '../protocol/token.js';
import type { Dial } from '../protocol/transport.js';
import { givenData } from './given-data.js';
import { hmacSha256, sha256 } from './hashes.js';
import { heldStates } from './held-states.js';
import { inThreadPool } from './in-thread-pool.js';
import { keptStates } from './kept-states.js';
import type { PageRequest } from './page-messages.js';
import type { Turns } from './turns.js';
import { WatchedExecutor, type WorkWatcher } from './watched-executor.js';

const RETRY_FOR_MS = 60_000;
const KEPT_BYTES_MAX = 64 << 20;
/** A page has less room than a process: WebAssembly ends at 4 GiB, and phones before. */
const BODY_BYTES_MAX = 256 << 20;
const PLAN_MEMORY_BYTES_MAX = 1 << 30;

export interface HostParts {
  readonly backend: GraphBackend;
  readonly turns: Turns;
  /** Told what the clients work on. */
  readonly watcher: WorkWatcher;
  readonly dial: Dial;
  readonly onEvent: (event: JoinEvent) => void;
  /** Leaves. */
  readonly signal: AbortSignal;
}

/**
 * Takes part in a federation until it is over: the client core with what a page's worker gives it.
 * @returns how the run ended; undefined when the signal made it leave
 * @throws FedloomError as `joinFederation` of pages
 */
export async function hostClients(
  request: PageRequest,
  { backend, turns, watcher, dial, onEvent, signal }: HostParts,
): Promise<Finish | undefined> {
  const { url, bodyBytesMax = BODY_BYTES_MAX } = request;
  const site = new SiteGuard(request.sitePolicy, request.planHash);
  site.checkServer(url);
  const plans = new PlanExecutor({
    pool: inThreadPool(backend, turns),
    source: givenData(request.data),
    trains: true,
    limits: { ...defaultPlanMemoryLimits, bytesMax: request.planMemoryBytesMax ?? PLAN_MEMORY_BYTES_MAX },
  });
  const executor = new WatchedExecutor(plans, watcher);
  const kept = request.keepState === false ? undefined : await keptStates(url);
  if (request.keepState === true && kept === undefined) {
    throw new FedloomError(
      'browser.storage',
      "This browser has no IndexedDB for this page, so that no state outlives it: leave out 'keepState', or allow the site to store data.",
      { database: 'fedloom-states' },
    );
  }
  const states = kept ?? heldStates();
  try {
    const host = new ClientHost({
      clients: request.clients,
      executor,
      states,
      clock: systemClock,
      hash: sha256,
      budget: new ByteBudget(bodyBytesMax),
      limits: { ...defaultLimits, bodyBytesMax },
      software: SOFTWARE,
      decodePlan: (bytes, hash) => ({ kind: 'plan', plan: decodePlan(bytes), hash }),
      keptBytesMax: request.keptBytesMax ?? KEPT_BYTES_MAX,
      site,
      onEvent,
      ...(request.run !== undefined && { run: request.run }),
      ...(request.token !== undefined && { auth: [tokenAuth(request.token, hmacSha256)] }),
    });
    const finish = await serveUntilFinished(url, host, {
      dial,
      clock: systemClock,
      random: Math.random,
      retryForMs: request.retryForMs ?? RETRY_FOR_MS,
      signal,
      onEvent,
    });
    if (finish?.reason === 'completed') await kept?.forget([...request.data.keys()]);
    return finish;
  } finally {
    // A pause holds nothing up any more.
    turns.resume();
    await executor.close();
    await states.close();
  }
}
