import { FedloomError } from '@fedloom/engine';
import { type Hash, hashFrom } from '../core/brands.js';
import { sha256 } from '../core/node/sha256.js';

/** Where a chain stands. */
export interface AuditHead {
  readonly lines: number;
  /** Of the last line, or of the run's name where there is none yet. */
  readonly hash: Hash;
}

/** Where the audit log of a run begins. */
export function auditStart(run: string): AuditHead {
  return { lines: 0, hash: hashOf(`fedloom audit 1\n${run}`) };
}

/** A line that follows on another, without its end. */
export function auditLine(event: object, { hash }: AuditHead): string {
  return JSON.stringify({ ...event, previous: hash });
}

/** Where the chain stands behind a line. */
export function afterLine(line: string, { lines }: AuditHead): AuditHead {
  return { lines: lines + 1, hash: hashOf(line) };
}

/**
 * Whether each line follows on the one before it.
 * @param text whole lines
 * @throws FedloomError `audit.broken` with the first line, from 1, that does not
 */
export function verifyAudit(text: string, run: string): AuditHead {
  let head = auditStart(run);
  for (const line of text.split('\n').slice(0, -1)) {
    const number = head.lines + 1;
    if (previousOf(line) !== head.hash) throw broken(number);
    head = afterLine(line, head);
  }
  if (!text.endsWith('\n') && text !== '') throw torn(head.lines + 1);
  return head;
}

function previousOf(line: string): Hash | undefined {
  try {
    const { previous } = Object(JSON.parse(line)) as { readonly previous?: unknown };
    return typeof previous === 'string' ? hashFrom(previous) : undefined;
  } catch {
    return undefined;
  }
}

function hashOf(text: string): Hash {
  return sha256(new TextEncoder().encode(text));
}

function broken(line: number): FedloomError {
  const before = line === 1 ? 'the name of the run' : `line ${line - 1}`;
  const message =
    `Line ${line} of the audit log does not follow on ${before}: ` +
    `${line === 1 ? 'it' : `line ${line - 1} or line ${line}`} was changed, or a line between was added or removed.`;
  return new FedloomError('audit.broken', message, { line });
}

function torn(line: number): FedloomError {
  const message = `Line ${line} of the audit log has no end: the server died while it wrote, or it was cut off.`;
  return new FedloomError('audit.broken', message, { line });
}
