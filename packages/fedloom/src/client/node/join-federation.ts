import { access, constants } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { defaultPlanMemoryLimits } from '@fedloom/engine';
import type { ClientExecutor } from '../../compute/executor.js';
import { clientExecutor } from '../../compute/executor-factory.js';
import { partSource } from '../../compute/node/part-source.js';
import { openPool } from '../../compute/node/pool-choice.js';
import { systemClock } from '../../core/clock.js';
import { sha256 } from '../../core/node/sha256.js';
import { namesClient } from '../../core/path-template.js';
import type { Finish } from '../../protocol/messages.js';
import { OwnMessages } from '../../protocol/own-messages.js';
import type { Dial } from '../../protocol/transport.js';
import { compileTask } from '../../task/compile-task.js';
import type { Task } from '../../task/task.js';
import { webSocketDial } from '../../transport/websocket/on-demand.js';
import type { ClientHostOptions } from '../client-host.js';
import { dialByScheme } from '../dial-by-scheme.js';
import { serveUntilFinished } from '../serve-until-finished.js';
import { SiteGuard } from '../site-guard.js';
import { diskStateStore } from './disk-state-store.js';
import { fileStateStore } from './file-state-store.js';
import { checkJoinOptions, type JoinOptions } from './join-options.js';
import { nodeClientHost } from './node-client-host.js';

const KEPT_BYTES_MAX = 256 << 20;
const RETRY_FOR_MS = 60_000;
const STATE_FOLDER = '.fedloom';

/**
 * Takes part in a federation until it is over, over WebSocket or a transport of your own; dials again when the server is away.
 * @returns how the run ended; undefined when the signal made this process leave
 * @throws FedloomError `client.options`, `client.no-server` after `retryForMs`, `client.no-data`, `compute.pool`, `transport.tls`, `client.plan-pinned`,
 *   `site.*`, or why the server or the data refuse
 */
export async function joinFederation(url: string, options: JoinOptions): Promise<Finish | undefined> {
  checkJoinOptions(url, options);
  const site = new SiteGuard(options.sitePolicy, options.planHash);
  site.checkServer(url);
  const messages = new OwnMessages('client', options);
  const executor = executorFor(options);
  const { dataDir, stateDir = await besideData(dataDir) } = options;
  const kept = stateDir === undefined ? undefined : fileStateStore(stateDir);
  const states = kept ?? diskStateStore();
  try {
    const host = nodeClientHost({
      clients: options.clients,
      executor,
      states,
      messages,
      site,
      ...expectedPlan(options.task),
      keptBytesMax: options.keptBytesMax ?? KEPT_BYTES_MAX,
      extraStages: [...(options.task?.algorithm.client?.stages ?? []), ...(options.stages ?? [])],
      ...(options.run !== undefined && { run: options.run }),
      ...(options.auth && { auth: options.auth }),
      ...(options.bodyBytesMax !== undefined && { bodyBytesMax: options.bodyBytesMax }),
      ...(options.sameVersion !== undefined && { sameSoftware: options.sameVersion }),
      ...(options.onEvent && { onEvent: options.onEvent }),
      ...(options.onOutbound && { onOutbound: options.onOutbound }),
    });
    const { signal, retryForMs = RETRY_FOR_MS, onEvent, random = Math.random } = options;
    const finish = await serveUntilFinished(url, host, {
      dial: dialOf(options),
      clock: systemClock,
      random,
      retryForMs,
      ...(signal && { signal }),
      ...(onEvent && { onEvent }),
    });
    if (options.stateDir === undefined && finish?.reason === 'completed') await kept?.forget();
    return finish;
  } finally {
    await executor.close();
    await states.close();
  }
}

/** Where private state is kept when nobody says; data that may only be read have nothing beside them. */
async function besideData(dataDir: string | undefined): Promise<string | undefined> {
  if (dataDir === undefined) return undefined;
  // Of a template the folder that all clients have in common.
  const folder = namesClient(dataDir) ? dirname(`${dataDir.slice(0, dataDir.indexOf('{'))}-`) : dataDir;
  const writable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  return writable ? join(folder, STATE_FOLDER) : undefined;
}

function executorFor(options: JoinOptions): ClientExecutor {
  const { task, anyTask, dataDir, clients, pool, workers = availableParallelism() } = options;
  const { bytesMax, ...limits } = defaultPlanMemoryLimits;
  return clientExecutor(task, {
    pool: () => openPool(pool, workers),
    workers,
    planLimits: { ...limits, bytesMax: options.planMemoryBytesMax ?? bytesMax },
    ...(anyTask && { anyTask }),
    ...(dataDir && { dataDir, source: partSource(dataDir, clients) }),
  });
}

function expectedPlan(task: Task | undefined): Pick<ClientHostOptions, 'expectedPlan' | 'learned'> {
  if (task?.kind !== 'plan') return {};
  return {
    expectedPlan: async (seed) => sha256(compileTask(task, await task.data.spec(), seed).bytes),
    learned: task.data.learned ?? [],
  };
}

function dialOf({ dial, pingEveryMs, tls, proxy }: JoinOptions): Dial {
  if (typeof dial === 'function') return dial;
  const overWebSocket = webSocketDial({
    ...(pingEveryMs !== undefined && { pingEveryMs }),
    ...(tls && { tls }),
    ...(proxy !== undefined && { proxy }),
  });
  return dialByScheme({ ws: overWebSocket, wss: overWebSocket, ...dial });
}
