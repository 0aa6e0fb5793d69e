import { type ErrorCode, FedloomError } from '@fedloom/engine';

/**
 * One thing that an implementation must do. Cases are independent, need no test framework, and end by themselves: `run`
 * rejects within `caseTimeoutMs` when the implementation does otherwise, and its message says how.
 */
export interface ConformanceCase {
  readonly name: string;
  run(): Promise<void>;
}

/** What one wait of a case lasts before it counts as in vain. */
export const caseTimeoutMs = 10_000;

/** @throws FedloomError `conformance.broken` */
export function check(holds: boolean, what: string): void {
  if (!holds) throw broken(what);
}

/** Equal as JSON is, in order: what cases compare are numbers, texts and lists of them. */
export function checkEqual(actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== should) throw broken(`${what} is ${shortened(is)}; it must be ${shortened(should)}`);
}

/** `attempt` must throw, or its promise reject, with a FedloomError of this code. */
export async function checkRefused(attempt: () => unknown, code: ErrorCode, what: string): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof FedloomError && error.code === code) return;
    throw broken(`${what} fails with ${String(error)}; it must be a FedloomError with code '${code}'`, error);
  }
  throw broken(`${what} succeeds; it must fail with code '${code}'`);
}

/** What `attempt` gives; it must not throw. */
export function checkAccepted<T>(attempt: () => T, what: string): T {
  try {
    return attempt();
  } catch (error) {
    throw broken(`${what} fails with ${String(error)}`, error);
  }
}

/** The promise's value, if it comes in time. */
export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(broken(`waited ${caseTimeoutMs} ms in vain for ${what}`)), caseTimeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `holds`, which no event announces. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + caseTimeoutMs;
  while (!holds()) {
    check(performance.now() < endMs, `waited ${caseTimeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function broken(what: string, cause?: unknown): FedloomError {
  return new FedloomError('conformance.broken', `The contract is broken: ${what}.`, {}, { cause });
}

function shortened(json: string | undefined): string {
  const text = String(json);
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}
