import { join } from 'node:path';
import { formatRanges, rangesFromIndices } from '../core/index-ranges.js';
import type { RunResult } from '../core/records.js';
import { visibleText } from '../core/visible-text.js';
import type { OperatorAct } from '../server/admin/admin-server.js';
import type { Entry } from '../server/lobby/lobby.js';
import type { UpdateHash } from '../server/run/federation-options.js';
import type { Run } from '../server/run/run.js';
import type { AuditHead } from '../store/audit-chain.js';
import { AUDIT_FILE, AuditLog } from '../store/audit-log.js';
import { asFedloomError } from './as-fedloom-error.js';
import { counted } from './report/format.js';
import type { Screen } from './report/screen.js';

/** Strangers that are told at once; after that one a second, and how many were left out: nobody fills the disk. */
const BURST = 64;
const PAUSE_MS = 1000;
/** Of a text from outside. */
const TEXT_LENGTH_MAX = 400;

/** Keeps a run's audit log: who came, what they proved, which clients they took, hashes of their updates, what counted. */
export class RunAudit {
  #left = BURST;
  #sinceMs = performance.now();
  #untold = 0;
  /** Updates that were folded, and whose hashes are still to come. */
  readonly #unhashed = new Set<string>();
  #whenHashed: (() => void) | undefined;

  private constructor(private readonly log: AuditLog) {
    log.append({ event: 'opened' });
  }

  /** @throws FedloomError `store.*` */
  static async open(folder: string, run: string): Promise<RunAudit> {
    return new RunAudit(await AuditLog.open(join(folder, AUDIT_FILE), run));
  }

  entry(entry: Entry): void {
    if (entry.kind === 'admitted') {
      const { session, peer, method, identity, software } = entry;
      const who = identity === undefined ? {} : { identity: shown(identity) };
      this.log.append({ event: 'admitted', session, peer, method, ...who, software: shown(software) });
    } else if (this.#mayTell()) {
      const { peer, code, message } = entry;
      this.log.append({ event: 'refused', peer, code, message: shown(message), ...this.#leftOut() });
    }
  }

  /** What an admin did. */
  acted({ act, ...whom }: OperatorAct): void {
    this.log.append({ event: 'operator', act, ...whom });
  }

  /** Told of what `follow` has told of before. */
  updateHash(update: UpdateHash): void {
    this.log.append({ event: 'update', ...update });
    this.#unhashed.delete(nameOf(update));
    if (this.#unhashed.size === 0) this.#whenHashed?.();
  }

  follow(run: Run): void {
    run.on('update', (update) => this.#unhashed.add(nameOf(update)));
    run.on('clientsJoined', ({ session, ranges }) => {
      this.log.append({ event: 'joined', session, clients: formatRanges(ranges) });
    });
    run.on('clientsLeft', ({ session, reason }) => this.log.append({ event: 'left', session, reason: shown(reason) }));
    run.on('refused', ({ client, round, code }) => this.log.append({ event: 'not-counted', client, round, code }));
    run.on('round', ({ round, counted, version, voided }) => {
      const why = voided === null ? {} : { voided: voided.code };
      this.log.append({ event: 'round', round, counted: rangesText(counted), model: version.hash, ...why });
    });
  }

  /**
   * @param tell where the log ends: by that hash it is known whether it is still whole
   * @returns the run's result, once the log is
   * @throws what the run ends with; FedloomError `store.*`
   */
  async endWith(result: Promise<RunResult>, tell: (head: AuditHead) => void): Promise<RunResult> {
    try {
      const ended = await result;
      await this.#close({ status: ended.status, model: ended.modelHash });
      tell(this.log.head);
      return ended;
    } catch (error) {
      await this.#close({ status: 'failed', code: asFedloomError(error).code }).catch(() => {});
      throw error;
    }
  }

  async #close(how: object): Promise<void> {
    if (this.#unhashed.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenHashed = resolve;
      });
    }
    this.log.append({ event: 'ended', ...how, ...this.#leftOut() });
    await this.log.close();
  }

  #mayTell(): boolean {
    const earned = Math.floor((performance.now() - this.#sinceMs) / PAUSE_MS);
    this.#left = Math.min(BURST, this.#left + earned);
    this.#sinceMs += earned * PAUSE_MS;
    if (this.#left === 0) this.#untold += 1;
    else this.#left -= 1;
    return this.#untold === 0;
  }

  #leftOut(): { readonly leftOut?: number } {
    const leftOut = this.#untold;
    this.#untold = 0;
    return leftOut === 0 ? {} : { leftOut };
  }
}

/** Where the log ends, for whoever notes it elsewhere. */
export function tellAuditHead({ lines, hash }: AuditHead, screen: Pick<Screen, 'line' | 'colors'>): void {
  screen.line(screen.colors.dim(`Audit log: ${counted(lines, 'line')}, up to ${hash.replace('sha256:', '')}`));
}

function nameOf({ client, task, attempt }: Pick<UpdateHash, 'client' | 'task' | 'attempt'>): string {
  return `${client} ${task} ${attempt}`;
}

function rangesText(indices: readonly number[]): string {
  return formatRanges(rangesFromIndices(indices));
}

function shown(text: string): string {
  return visibleText(text.slice(0, TEXT_LENGTH_MAX));
}
