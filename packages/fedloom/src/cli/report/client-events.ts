import type { JoinEvent } from '../../client/serve-until-finished.js';
import { formatRanges, type IndexRange } from '../../core/index-ranges.js';
import { formatDuration } from './format.js';
import type { Log } from './log.js';
import type { Screen } from './screen.js';

/** Waiting for a server is told at most so often. */
const RETRY_TOLD_MS = 5000;

/** A client's process: which server it dials, and which clients it hosts. */
export interface ClientProcess {
  readonly server: string;
  readonly index: readonly IndexRange[];
  readonly verbose: boolean;
}

/** Tells what happens to clients: to people, or to a log. */
export function clientTeller(
  { screen, log }: { readonly screen: Screen; readonly log?: Log },
  process: ClientProcess,
): (event: JoinEvent) => void {
  const tell = log === undefined ? linesTo(screen, process) : recordsTo(log);
  let toldMs = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (event.type === 'joined') toldMs = Number.NEGATIVE_INFINITY;
    if (event.type === 'retrying') {
      if (event.waitedMs - toldMs < RETRY_TOLD_MS) return;
      toldMs = event.waitedMs;
    }
    tell(event);
  };
}

function linesTo(screen: Screen, { server, index, verbose }: ClientProcess): (event: JoinEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'joined':
        return screen.line(
          `Joined run ${event.run} as ${index.length === 1 && index[0]?.count === 1 ? 'client' : 'clients'} ${formatRanges(index)}.`,
        );
      case 'retrying':
        return screen.line(
          `Waiting for the server at ${server}, for ${formatDuration(event.limitMs)} at most: ${event.reason}`,
        );
      case 'trained':
        if (verbose)
          screen.line(`round ${event.task + 1}: client ${event.client} trained in ${formatDuration(event.ms)}`);
        return;
      case 'jobFailed':
        return screen.line(`warning: round ${event.task + 1}: client ${event.client} failed: ${reasonOf(event.error)}`);
      case 'notCounted':
        if (!verbose) return;
        return screen.line(
          `round ${event.task + 1}: clients ${event.clients.join(', ')} did not count: ${event.reason}`,
        );
      case 'finished':
        return screen.line(event.finish.reason === 'completed' ? 'The run is complete.' : 'The run is over.');
    }
  };
}

/** Rounds count from 0, as in all events for programs. */
function recordsTo(log: Log): (event: JoinEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'joined':
        return log.write('info', { event: 'joined', run: event.run, of: event.clients });
      case 'retrying':
        return log.write('warn', { event: 'retrying', reason: event.reason, waitedMs: event.waitedMs });
      case 'trained':
        return log.write('info', { event: 'trained', rank: event.client + 1, round: event.task, ms: event.ms });
      case 'jobFailed': {
        const where = { rank: event.client + 1, round: event.task };
        return log.write('warn', { event: 'failed', ...where, message: reasonOf(event.error) });
      }
      case 'notCounted':
        for (const client of event.clients) {
          const where = { rank: client + 1, round: event.task };
          log.write('warn', { event: 'not-counted', ...where, code: event.code, message: event.reason });
        }
        return;
      case 'finished':
        return log.write('info', { event: 'finished', reason: event.finish.reason });
    }
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
