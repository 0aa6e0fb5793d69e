import { formatRanges } from '../../core/index-ranges.js';
import type { RoundRecord, RunResult } from '../../core/records.js';
import type { Run } from '../../server/run/run.js';
import type { Task } from '../../task/task.js';
import type { RunSettings } from '../run-settings.js';
import type { SavedRun } from './json-events.js';
import type { Log } from './log.js';
import type { RunReporter } from './run-reporter.js';

/** Tells of a run as records of a log. */
export class LogReporter implements RunReporter {
  constructor(
    private readonly log: Log,
    private readonly task: Task,
    private readonly settings: RunSettings,
  ) {}

  start(
    started: { readonly notes?: readonly string[]; readonly url?: string },
    roundsBefore: number | undefined,
  ): void {
    const { clients, clientsPerRound, rounds, seed, notes } = this.settings;
    const before = roundsBefore === undefined ? {} : { roundsBefore };
    const sizes = { clients, clientsPerRound, rounds, seed };
    this.log.write('info', {
      event: 'started',
      task: this.task.name,
      algorithm: this.task.algorithm.name,
      ...sizes,
      ...before,
    });
    for (const message of notes) this.log.write('info', { event: 'message', message });
    if (started.url !== undefined) this.log.write('info', { event: 'listening', url: started.url });
  }

  follow(run: Run): void {
    const { log } = this;
    run.on('clientsJoined', ({ peer, ranges, present }) =>
      log.write('info', { event: 'joined', peer, clients: formatRanges(ranges), present }),
    );
    run.on('clientsLeft', ({ peer, reason, present }) => log.write('info', { event: 'left', peer, reason, present }));
    run.on('roundStarted', ({ round }) => log.write('debug', { event: 'round-started', round }));
    run.on('round', (record) => log.write('info', { event: 'round', ...shortRecord(record) }));
    run.on('refused', (refused) => log.write('warn', { event: 'refused', ...refused }));
    run.on('warning', ({ code, message }) => log.write('warn', { event: 'warning', code, message }));
  }

  stopping(): void {
    this.log.write('info', { event: 'stopping' });
  }

  finish(result: RunResult | undefined, { modelPath, losses, best }: SavedRun, failed: boolean): void {
    if (result === undefined) return;
    const { status, rounds, metrics, clientMetrics, modelHash, stopped } = result;
    const model = modelPath === undefined ? {} : { model: modelPath };
    const how = { status: failed ? 'failed' : status, rounds, metrics, clientMetrics, losses, modelHash, ...model };
    const early = { ...(stopped && { stopped }), ...(best && { best }) };
    this.log.write(failed ? 'error' : 'info', { event: 'finished', ...how, ...early });
  }
}

/** Of a round as much as a line can hold, however many clients there are; `metrics.jsonl` has the whole. */
function shortRecord({ cohort, counted, version, metrics, clientMetrics, ...record }: RoundRecord) {
  const { round, trainLoss, sampleCount, voided, ms } = record;
  return {
    ...{ round, asked: cohort.length, counted: counted.length, trainLoss, sampleCount, metrics, clientMetrics },
    ...(voided !== null && { voided: voided.code }),
    ...{ modelHash: version.hash, ms: ms.total },
  };
}
