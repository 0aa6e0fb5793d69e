import { FedloomError } from '@fedloom/engine';

/** A part of the product that reads what comes from outside. */
export interface Target {
  /** Inputs to begin with: what is valid. */
  readonly seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Reads an input. @throws for a bug; what the product refuses as it promises is none */
  readonly run: (input: Uint8Array) => void | Promise<void>;
  /** What it reads comes from processes of the same program: memory is taken for what they announce. Default false. */
  readonly trustsLengths?: boolean;
}

/** Of errors that others bring about: nobody reads more, and what they quote comes from outside. */
const MESSAGE_LENGTH_MAX = 3_000;
const OF_OTHERS = /^(?:protocol|safetensors|stage|update|plan|device)\./;

/** What `work` gives; undefined where it refuses with one of these codes. */
export function unlessRefused<T>(codes: RegExp, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    checkRefusal(error, codes);
    return undefined;
  }
}

/** The same of what takes its time. */
export async function unlessRefusedLater<T>(codes: RegExp, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    checkRefusal(error, codes);
    return undefined;
  }
}

/** @throws the error, unless it is one that users and peers are promised */
export function checkRefusal(error: unknown, codes: RegExp): void {
  if (!(error instanceof FedloomError)) throw error;
  if (!codes.test(error.code)) throw new Error(`an error of another kind: ${error.code}`, { cause: error });
  if (error.message.length > MESSAGE_LENGTH_MAX && OF_OTHERS.test(error.code)) {
    throw new Error(`a message of ${error.message.length} characters`, { cause: error });
  }
}

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const textOf = (input: Uint8Array): string => new TextDecoder().decode(input);

/** Parts with their lengths before them, as `partsIn` takes them apart. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint16(at, part.length, true);
    bytes.set(part, at + LENGTH_BYTES);
    at += LENGTH_BYTES + part.length;
  }
  return bytes;
}

/** The parts of an input, whatever it is: each has two bytes for its length before it, and the last what is left. */
export function partsIn(input: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < input.length; ) {
    const length = (input[at] ?? 0) + 256 * (input[at + 1] ?? 0);
    at += LENGTH_BYTES;
    parts.push(input.slice(at, at + length));
    at += length;
  }
  return parts;
}

const LENGTH_BYTES = 2;
