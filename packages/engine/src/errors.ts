/**
 * An error a user can act on. `message` says what happened, where, and what to do; `code` is stable and machine-readable
 * (`area.what`, for instance `graph.shape`); `fields` carry the facts of the message as typed values.
 * Everything that is not a `FedloomError` is a bug.
 */
export class FedloomError extends Error {
  override readonly name = 'FedloomError';

  constructor(
    readonly code: string,
    message: string,
    readonly fields: Readonly<Record<string, unknown>> = {},
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
  }
}
