import { FedloomError } from '@fedloom/engine';
import type { RunResult } from '../../core/records.js';
import type { Run } from '../../server/run/run.js';
import type { Task } from '../../task/task.js';
import type { RunSettings } from '../run-settings.js';
import { frameOf } from '../user-errors.js';
import { counted, cut, formatCount, wrapped } from './format.js';
import type { SavedRun } from './json-events.js';
import { Progress } from './progress.js';
import type { RunReporter } from './run-reporter.js';
import type { Screen } from './screen.js';
import { summaryLines } from './summary.js';
import { liveLines, roundLine, waitingText } from './views.js';

const REDRAW_MS = 100;
/** Plain lines come at most so often: rounds may take a millisecond. */
const PLAIN_MS = 1000;
/** Of one kind, so many warnings are shown in full; the rest is counted. */
const WARNINGS_SHOWN = 3;

/** Shows a run to people. */
export class Reporter implements RunReporter {
  readonly #progress: Progress;
  readonly #warnings = new Map<string, number>();
  readonly #startedMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #plainMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly screen: Screen,
    private readonly task: Task,
    private readonly settings: RunSettings,
  ) {
    const { clients, clientsPerRound, rounds } = settings;
    const localEpochs = task.kind === 'plan' ? task.training.localEpochs : 1;
    this.#progress = new Progress(clients, clientsPerRound, rounds, localEpochs);
  }

  /**
   * Says what was started; then the live lines begin.
   * @param roundsBefore that earlier processes finished, of a run that was taken up
   */
  start(
    { notes = [], url }: { readonly notes?: readonly string[]; readonly url?: string },
    roundsBefore?: number,
  ): void {
    if (url !== undefined) this.#progress.listen();
    const { screen, settings } = this;
    const { clients, clientsPerRound, rounds, seed, byDefault, notes: ofSettings } = settings;
    const { bold, dim } = screen.colors;
    const parts = [
      bold(this.task.name),
      this.task.algorithm.name,
      `${counted(clients, 'client')}, ${formatCount(clientsPerRound)} a round`,
      counted(rounds, 'round'),
      `seed ${seed}`,
    ];
    for (const line of wrapped(parts, screen.columns)) screen.line(line);
    if (byDefault.length > 0) screen.line(dim(`By default: ${byDefault.join(', ')}.`));
    if (roundsBefore !== undefined) screen.line(`Taken up after ${counted(roundsBefore, 'round')}.`);
    for (const note of [...ofSettings.map(dim), ...notes]) screen.line(note);
    if (!screen.live) return;
    const redraw = () => screen.redraw(liveLines(this.#progress, screen.columns, screen.colors));
    redraw();
    this.#timer = setInterval(redraw, REDRAW_MS).unref();
  }

  follow(run: Run): void {
    const progress = this.#progress;
    progress.follow(run);
    run.on('warning', ({ code, message }) => this.warn(code, message));
    if (this.settings.verbose) this.#followDetails(run);
    if (this.screen.live) return;
    run.on('clientsJoined', ({ present }) => {
      if (progress.roundsDone === 0 && present < progress.clients) this.#plain(() => waitingText(progress));
    });
    run.on('round', (record) => {
      const edge = record.round === 0 || record.round === progress.rounds - 1;
      this.#plain(() => roundLine(record, progress), edge);
    });
  }

  warn(code: string, message: string): void {
    const count = (this.#warnings.get(code) ?? 0) + 1;
    this.#warnings.set(code, count);
    if (count > WARNINGS_SHOWN && !this.settings.verbose) return;
    this.screen.line(`${this.screen.colors.yellow('warning:')} ${message}`);
    if (count === WARNINGS_SHOWN && !this.settings.verbose) {
      this.screen.line(this.screen.colors.dim(`Further warnings of this kind (${code}) are only counted.`));
    }
  }

  stopping(): void {
    this.#progress.stop();
    if (!this.screen.live) this.screen.line('Stopping. Ctrl-C again stops at once.');
  }

  /** Ends the live lines; says how the run went if there is a result. */
  finish(result: RunResult | undefined, saved: SavedRun, failed: boolean): void {
    clearInterval(this.#timer);
    this.screen.clear();
    for (const [code, count] of this.#warnings) {
      if (count > WARNINGS_SHOWN && !this.settings.verbose)
        this.screen.line(`${formatCount(count)} warnings ${code} in all.`);
    }
    if (result === undefined) return;
    const elapsedMs = performance.now() - this.#startedMs;
    const { screen } = this;
    for (const line of summaryLines(result, this.#progress, { ...saved, failed, elapsedMs, screen }))
      this.screen.line(line);
  }

  #followDetails(run: Run): void {
    // Where it costs the round a client, a warning tells it too.
    run.on('refused', ({ client, round, message, peer }) =>
      this.screen.line(`round ${round + 1}, client ${client}${peer === undefined ? '' : ` (${peer})`}: ${message}`),
    );
    const present = () =>
      `${formatCount(this.#progress.present)} of ${counted(this.#progress.clients, 'client')} present`;
    run.on('clientsJoined', ({ peer, session }) =>
      this.screen.line(`session ${session} from ${peer} joined; ${present()}`),
    );
    run.on('clientsLeft', ({ session, peer, reason }) =>
      this.screen.line(`session ${session} from ${peer} left (${reason}); ${present()}`),
    );
  }

  #plain(text: () => string, always = false): void {
    const nowMs = performance.now();
    if (!always && nowMs - this.#plainMs < PLAIN_MS) return;
    this.#plainMs = nowMs;
    this.screen.line(text());
  }
}

/** An error for people: what happened; for bugs, what to do about them. */
export function errorLines(error: unknown, columns: number, verbose: boolean): string {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (verbose && stack !== undefined) return `fedloom: ${stack}${causes(error)}`;
  if (error instanceof FedloomError) return `fedloom: ${message}${frameOf(error)}`;
  return `fedloom: unexpected error: ${cut(message, Math.max(columns, 200))}. Run again with --verbose to see where it happened.`;
}

function causes(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause === undefined) return '';
  const text = cause instanceof Error ? cause.stack : String(cause);
  return `\ncaused by: ${text}${causes(cause)}`;
}
