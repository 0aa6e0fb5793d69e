import type { EngineErrors } from './error-codes.js';

/**
 * The catalogue: every code of an error, and the fields that it carries. Whoever has errors of their own adds them to it,
 * and the compiler checks them as it does ours:
 *
 * ```ts
 * declare module 'fedloom' {
 *   interface ErrorFields {
 *     'acme.tired': { readonly hours: number };
 *   }
 * }
 * throw new FedloomError('acme.tired', 'The device needs a rest. Ask again in 3 hours.', { hours: 3 });
 * ```
 */
export interface ErrorFields extends EngineErrors {}

export type ErrorCode = keyof ErrorFields & string;

/** What comes after the message: fields may be left out where the code has none, or none that it needs. */
export type ErrorDetails<Code extends ErrorCode> =
  Record<never, never> extends ErrorFields[Code]
    ? [fields?: ErrorFields[Code], options?: ErrorOptions]
    : [fields: ErrorFields[Code], options?: ErrorOptions];

/**
 * An error a user can act on. `message` says what happened, where, and what to do; `code` is stable and machine-readable
 * (`area.what`, for instance `graph.shape`); `fields` carry the facts of the message as typed values: `isFedloomError` with
 * a code gives their types. Everything that is not a `FedloomError` is a bug.
 */
export interface FedloomError extends Error {
  readonly name: 'FedloomError';
  /** One of `ErrorCode`, unless another party or somebody's extension made it. */
  readonly code: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** The same error as told by who knows more of it: another text, further fields, this one as its cause. */
  reworded(message: string, fields?: Readonly<Record<string, unknown>>): FedloomError;
}

/** A `FedloomError` with a code of the catalogue, and its fields. */
export interface ErrorOf<Code extends ErrorCode> extends Omit<FedloomError, 'code' | 'fields'> {
  readonly code: Code;
  readonly fields: ErrorFields[Code];
}

/** What an error is made of, as it crosses to another thread or process. */
export type ErrorParts = Pick<FedloomError, 'code' | 'message' | 'fields'>;

/** The fields of what another party said was wrong: its code and its text are all that is known. */
export type RemoteFields = { readonly remote: true; readonly peer: string };

export interface FedloomErrorConstructor {
  /** Code and fields must be in the catalogue, `ErrorFields`. */
  new <Code extends ErrorCode>(code: Code, message: string, ...details: ErrorDetails<Code>): FedloomError;
  /** An error made again from its parts. A code of the catalogue must come with the fields of the catalogue. */
  from(parts: ErrorParts, options?: ErrorOptions): FedloomError;
  /** What another party said was wrong. Its code may be one that nobody here knows. */
  remote(code: string, message: string, peer: string): FedloomError & { readonly fields: RemoteFields };
  readonly prototype: FedloomError;
}

/** The same in every copy of this module: a command that is bundled has its own, and what it loads besides has another. */
const mark = Symbol.for('fedloom.error');

export const FedloomError: FedloomErrorConstructor = class FedloomError extends Error {
  override readonly name = 'FedloomError';

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && mark in value;
  }

  get [mark](): true {
    return true;
  }

  constructor(
    readonly code: string,
    message: string,
    readonly fields: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  reworded(message: string, fields: Readonly<Record<string, unknown>> = {}): FedloomError {
    return new FedloomError(this.code, message, { ...this.fields, ...fields }, { cause: this });
  }

  static from({ code, message, fields }: ErrorParts, options?: ErrorOptions): FedloomError {
    return new FedloomError(code, message, fields, options);
  }

  static remote(code: string, message: string, peer: string) {
    const fields: RemoteFields = { remote: true, peer };
    return Object.assign(new FedloomError(code, message), { fields });
  }
};

/**
 * Whether this is an error of the catalogue with this code; its fields then have their types. What another party said is
 * none, whatever its code: it came without them. Ask for its `code` where that is all you need.
 */
export function isFedloomError<Code extends ErrorCode>(error: unknown, code: Code): error is ErrorOf<Code> {
  return error instanceof FedloomError && error.code === code && !isRemoteError(error);
}

/** Whether this is what another party said was wrong. */
export function isRemoteError(error: unknown): error is FedloomError & { readonly fields: RemoteFields } {
  return error instanceof FedloomError && error.fields.remote === true;
}
