import { FedloomError, isFedloomError } from '@fedloom/engine';
import type { Clock } from '../core/clock.js';
import type { Finish } from '../protocol/messages.js';
import type { Dial } from '../protocol/transport.js';
import type { ConnectReason } from '../transport/error-codes.js';
import { Backoff } from './backoff.js';
import type { ClientEvent, ClientHost } from './client-host.js';

/** Why a connection could not be made, where the next attempt would end likewise. */
const FINAL: ReadonlySet<ConnectReason> = new Set(['url', 'rejected', 'certificate', 'tls']);
/**
 * Answers in place of a connection after which the next attempt may succeed: the request came too late, a server or a proxy has no room, and
 * a proxy does not reach its server, which may be starting again.
 */
const PASSING: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);
const RETRY_PAUSES = { firstMs: 100, lastMs: 2_000 };

export type JoinEvent =
  | ClientEvent
  | { readonly type: 'retrying'; readonly reason: string; readonly waitedMs: number; readonly limitMs: number };

export interface ServeOptions {
  readonly dial: Dial;
  readonly clock: Clock;
  /** Uniform in [0, 1): spreads the pauses between attempts to reach the server. */
  readonly random: () => number;
  /** How long to go on dialling a server that is not there, from the last time it was. */
  readonly retryForMs: number;
  /** Leaves. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: JoinEvent) => void;
}

/**
 * Serves a client's connections, one after the other, until its run is over.
 * @returns how the run ended; undefined when the signal made it leave
 * @throws FedloomError `client.no-server` after `retryForMs`, and why the server or the data refuse
 */
export async function serveUntilFinished(
  url: string,
  host: Pick<ClientHost, 'serve'>,
  { dial, clock, random, retryForMs, signal, onEvent }: ServeOptions,
): Promise<Finish | undefined> {
  const backoff = new Backoff({ ...RETRY_PAUSES, random });
  let aloneSinceMs = clock.now();
  let tookPart = false;
  while (!signal?.aborted) {
    let reason: string;
    let cause: unknown;
    try {
      const connection = await dial(url, signal ? { signal } : {});
      const ended = await host.serve(connection, signal);
      if (ended.kind === 'finished') return ended.finish;
      reason = ended.reason;
      if (ended.joined) {
        aloneSinceMs = clock.now();
        tookPart = true;
        backoff.reset();
      }
    } catch (error) {
      if (signal?.aborted) return undefined;
      if (!mayPass(error)) throw error;
      reason = error.message;
      cause = error;
    }
    if (signal?.aborted) return undefined;
    const waitedMs = Math.round(clock.now() - aloneSinceMs);
    const leftMs = retryForMs - waitedMs;
    if (leftMs <= 0) throw noServer(url, waitedMs, reason, tookPart, cause);
    onEvent?.({ type: 'retrying', reason, waitedMs, limitMs: retryForMs });
    // The last time at the limit, and not before it.
    await pause(clock, Math.min(backoff.nextMs(), leftMs), signal);
  }
  return undefined;
}

/** Settles after the delay, or when the signal aborts. */
function pause(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.setTimer(delayMs, end);
    signal?.addEventListener('abort', end, { once: true });
  });
}

function noServer(url: string, waitedMs: number, reason: string, tookPart: boolean, cause: unknown): FedloomError {
  const after = `after ${Math.round(waitedMs / 1000)} s`;
  const message = tookPart
    ? `The server at ${url}, in whose run this client took part, is gone: nobody was there ${after}. ${reason} ` +
      'If the run is not complete there, resume it, and start this client again.'
    : cause === undefined
      ? `The server at ${url} did not take this client in, not even ${after}: ${reason}`
      : `No server at ${url} ${after}. ${reason}`;
  return new FedloomError('client.no-server', message, { url, waitedMs, tookPart }, { cause });
}

/** Whether dialling again may help: nobody is there yet, or the network is down for a while. */
function mayPass(error: unknown): error is FedloomError {
  if (!isFedloomError(error, 'transport.connect')) return false;
  const { reason, status } = error.fields;
  return reason === undefined || (status !== undefined && PASSING.has(status)) || !FINAL.has(reason);
}
