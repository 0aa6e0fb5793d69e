/**
 * Limits that protocol version 2 fixes for both ends: a receiver refuses what exceeds them before it takes memory for it,
 * and a sender never exceeds them. Lengths of strings count UTF-16 code units. PROTOCOL.md lists them. They are such that
 * every message they allow fits its frame, also when each character of its texts takes six bytes of JSON (`largest.test.ts`).
 */
export const wireLimits = {
  /** UTF-8 JSON of a control message, without the frame's first byte. */
  controlBytesMax: 1 << 20,
  /** Payload of one chunk. */
  chunkBytesMax: 1 << 20,
  chunkHeaderBytes: 16,
  inlineHeaderBytes: 8,
  /** Any frame: the largest chunk with its header. */
  frameBytesMax: (1 << 20) + 16,
  /** Bodies up to this size travel in the frame of their message, without a grant. */
  inlineBodyBytesMax: 64 << 10,
  /** Bodies one end may have announced and not yet sent to the end. */
  streamsMax: 64,
  streamIdMax: 2 ** 32 - 1,
  /** Client indices, tasks, rounds, attempts and steps. */
  indexMax: 2 ** 31 - 1,
  clientsPerSessionMax: 1_000_000,
  /** Ranges in one message, but for `join`; also single indices in one. */
  rangesMax: 16_384,
  /** Ranges in one `join`: they may have names. */
  joinRangesMax: 512,
  evaluationsMax: 256,
  resultsMax: 64,
  resultListMax: 4_096,
  /** Numbers in the statistics and results of one message, weights and elements of lists included. */
  evaluationNumbersMax: 8_192,
  /** Why a result cannot be counted. */
  reasonLengthMax: 256,
  /** Characters in the names of statistics and results of one message, and in what is said of those that cannot be counted. */
  evaluationNameCharsMax: 65_536,
  scalarsMax: 256,
  factsMax: 64,
  stagesMax: 16,
  stageOptionsMax: 16,
  versionsForgottenMax: 512,
  versionsMax: 16,
  capabilitiesMax: 64,
  authMethodsMax: 16,
  nameLengthMax: 256,
  textLengthMax: 4_096,
  nonceLengthMax: 128,
  proofLengthMax: 4_096,
} as const;

/** What one end accepts beyond the fixed limits; each operator may choose. */
export interface Limits {
  /** Largest body this end receives; a larger one is refused when it is announced. */
  readonly bodyBytesMax: number;
  /** A granted body that makes no progress for so long, or less than `bodyBytesPerSecondMin`, closes the connection, so that it cannot keep its share of the budget. */
  readonly bodyStallMs: number;
  /** What granted bodies of a connection must bring together, in the mean of `bodyStallMs`. */
  readonly bodyBytesPerSecondMin: number;
  /** The same while others wait for the room that these have. */
  readonly bodyBytesPerSecondContended: number;
  /**
   * Messages, and small bodies, that wait for the other end to read. Who says more while a server owes it so much is not
   * listened to any longer.
   */
  readonly owedBytesMax: number;
}

export const defaultLimits: Limits = {
  bodyBytesMax: 1 << 30,
  bodyStallMs: 60_000,
  bodyBytesPerSecondMin: 1 << 10,
  bodyBytesPerSecondContended: 64 << 10,
  owedBytesMax: 16 << 20,
};

/** Error codes on the wire: letters, digits and dashes between dots, for instance `update.not-finite`. */
export const errorCodePattern = /^[a-z][A-Za-z0-9-]{0,63}(\.[A-Za-z0-9-]{1,64}){0,3}$/;
