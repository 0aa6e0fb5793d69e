import { readFile, truncate } from 'node:fs/promises';
import { storageError } from '../core/node/storage-error.js';
import { type AuditHead, afterLine, auditLine, auditStart } from './audit-chain.js';
import { JsonLines } from './json-lines.js';

export const AUDIT_FILE = 'audit.jsonl';
/** Lines of so long are made safe together: a disk takes longer than a round. */
const SYNC_AFTER_MS = 1_000;

/**
 * Who did what in a run, in a file of which each line holds the hash of the one before it. It is synced in groups: what is appended is
 * on the disk a second later, and at the end.
 */
export class AuditLog {
  #head: AuditHead;

  private constructor(
    private readonly lines: JsonLines,
    head: AuditHead,
  ) {
    this.#head = head;
  }

  /** Goes on behind what is there; half a line, of a process that died, is cut off, and told. @throws FedloomError `store.*` */
  static async open(path: string, run: string): Promise<AuditLog> {
    const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return '';
      throw storageError(cause, 'read', path);
    });
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole !== text) await truncate(path, Buffer.byteLength(whole));
    let head = auditStart(run);
    for (const line of whole.split('\n').slice(0, -1)) head = afterLine(line, head);
    const log = new AuditLog(await JsonLines.create(path, { syncAfterMs: SYNC_AFTER_MS }), head);
    if (whole !== text) log.append({ event: 'cut', bytes: Buffer.byteLength(text) - Buffer.byteLength(whole) });
    return log;
  }

  get head(): AuditHead {
    return this.#head;
  }

  append(event: { readonly event: string; readonly [field: string]: unknown }): void {
    const line = auditLine({ at: new Date().toISOString(), ...event }, this.#head);
    this.#head = afterLine(line, this.#head);
    this.lines.appendText(line);
  }

  /** Settles when all is in the file. @throws FedloomError `store.*` when it could not be written */
  close(): Promise<void> {
    return this.lines.close();
  }
}
