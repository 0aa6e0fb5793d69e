/**
 * Every message of the protocol, as typed values. PROTOCOL.md specifies their bytes; `schemas.ts` checks them.
 *
 * A message travels as one control frame: a byte 1, then UTF-8 JSON. A message marked "body" carries bytes beside its
 * fields: a small body travels in the message's own frame, a larger one in chunk frames once the receiver has granted
 * them. The channel hands the message over when its body is whole, in the order in which the other end sent.
 * `index` is a client's 0-based place in the federation, `client` always holds one. Rounds count from 0; `attempt`
 * counts the configurations of one round, from 0. A `hash` reads `sha256:` and 64 hexadecimal digits.
 */
export type Message = ClientMessage | ServerMessage | StreamMessage;

/** From `from` to `from + count - 1`. */
export interface IndexRange {
  readonly from: number;
  readonly count: number;
}

export type ClientMessage = Hello | Auth | Join | Leave | GetPlan | Update | Evaluations | Failed;
export type ServerMessage = Challenge | Welcome | Joined | Plan | Model | Train | Evaluate | Settled | Finish;
export type StreamMessage = Grant | ErrorMessage;

export interface Hello {
  readonly type: 'hello';
  readonly versions: readonly number[];
  readonly software: string;
  /** Names of optional features. One that starts with `!` is required: a server that does not know it refuses. */
  readonly capabilities: readonly string[];
}
export interface Challenge {
  readonly type: 'challenge';
  readonly version: number;
  readonly methods: readonly string[];
  /** Hexadecimal, fresh for every connection. */
  readonly nonce: string;
}
export interface Auth {
  readonly type: 'auth';
  /** One of the challenge's methods. */
  readonly method: string;
  /** What the method computed over the nonce; `none` has no proof. */
  readonly proof?: string;
}
export interface Welcome {
  readonly type: 'welcome';
  readonly session: string;
  readonly run: string;
  readonly software: string;
  /** Clients in the federation: indices are below this. */
  readonly clients: number;
  readonly seed: number;
  readonly workload:
    | { readonly kind: 'plan'; readonly hash: string }
    | { readonly kind: 'trainer'; readonly task: string };
  /** Algorithm, so that a trainer can apply its terms. */
  readonly algorithm: string;
  /** Those of the client's capabilities that the server has too. Default none. */
  readonly capabilities?: readonly string[];
}
export interface Join {
  readonly type: 'join';
  readonly clients: readonly (IndexRange & {
    /** Stable name of the first of them; default `client-<index>`. */
    readonly clientId?: string;
  })[];
}
export interface Joined {
  readonly type: 'joined';
  readonly clients: readonly IndexRange[];
}
export interface Leave {
  readonly type: 'leave';
  readonly clients: readonly IndexRange[];
}
export interface GetPlan {
  readonly type: 'getPlan';
  readonly hash: string;
}
/** Body: the plan's bytes. */
export interface Plan {
  readonly type: 'plan';
  readonly hash: string;
}
/** Body: safetensors of the shared parameters and the algorithm's broadcast tensors. Sent once a connection for each model. */
export interface Model {
  readonly type: 'model';
  readonly hash: string;
}
export interface Train {
  readonly type: 'train';
  readonly round: number;
  readonly attempt: number;
  readonly clients: readonly number[];
  readonly model: string;
  readonly scalars: Readonly<Record<string, number>>;
}
/** Body: safetensors of the trained shared parameters and the algorithm's uploads. */
export interface Update {
  readonly type: 'update';
  readonly round: number;
  readonly attempt: number;
  readonly client: number;
  readonly sampleCount: number;
  readonly stepCount: number;
  readonly meanLoss: number | null;
  readonly trainMs: number;
}
export interface Failed {
  readonly type: 'failed';
  readonly round: number;
  readonly attempt: number;
  readonly client: number;
  readonly phase: 'train' | 'evaluate';
  readonly code: string;
  readonly message: string;
}
/** Clients whose update was decided. `counted`: they commit their private state; otherwise they drop it. */
export interface Settled {
  readonly type: 'settled';
  readonly round: number;
  readonly attempt: number;
  readonly clients: readonly number[];
  readonly counted: boolean;
  readonly reason?: string;
}
export interface Evaluate {
  readonly type: 'evaluate';
  readonly round: number;
  readonly clients: readonly IndexRange[];
  readonly model: string;
}
/** Named results: numbers or lists of numbers. */
export type Results = Readonly<Record<string, number | readonly number[]>>;
export interface Evaluations {
  readonly type: 'evaluations';
  readonly round: number;
  /** At most 256 entries. */
  readonly entries: readonly { readonly client: number; readonly sampleCount: number; readonly results: Results }[];
}
export interface Finish {
  readonly type: 'finish';
  readonly reason: 'completed' | 'cancelled' | 'failed';
  readonly message: string;
}
/** The receiver of an announced body allows `bytes` more of it to be sent. */
export interface Grant {
  readonly type: 'grant';
  readonly stream: number;
  readonly bytes: number;
}
/** The last message before the sender closes. */
export interface ErrorMessage {
  readonly type: 'error';
  readonly code: string;
  readonly message: string;
}
