import type { ClientIndex, Hash } from '../core/brands.js';
import type { Evaluation } from '../core/evaluation.js';
import type { IndexRange } from '../core/index-ranges.js';
import type { Facts, Version } from '../update/update.js';

/**
 * Every message of the protocol, as typed values. PROTOCOL.md specifies their bytes; `schemas.ts` checks them.
 *
 * A message travels as one control frame: a byte 1, then UTF-8 JSON. A message marked "body" carries bytes beside its
 * fields: a small body travels in the message's own frame, a larger one in chunk frames once the receiver has granted
 * them. The channel hands the message over when its body is whole, in the order in which the other end sent.
 * `index` is a client's 0-based place in the federation, `client` always holds one. `task` keys a client's random streams:
 * the round, from 0, or where no rounds are common to all how often this client was asked before. `attempt` counts the
 * times that a task was given out, from 0. A `hash` reads `sha256:` and 64 hexadecimal digits.
 */
export type Message = ClientMessage | ServerMessage | StreamMessage;

export type { IndexRange };

export type ClientMessage = Hello | Auth | Join | Leave | GetPlan | GetFrozen | UpdateMessage | Evaluations | Failed;
export type ServerMessage =
  | Challenge
  | Welcome
  | Joined
  | Plan
  | Frozen
  | Model
  | Train
  | Evaluate
  | Settled
  | Forget
  | Finish;
export type StreamMessage = Grant | Decline | ErrorMessage;

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
  /** The run to take part in. Needed only where the server has several. */
  readonly run?: string;
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
    | {
        readonly kind: 'plan';
        readonly hash: Hash;
        /** Hash of the body of `frozen`, where the plan has frozen parameters. */
        readonly frozen?: Hash;
      }
    | { readonly kind: 'trainer'; readonly task: string };
  /** Algorithm, so that a trainer can apply its terms. */
  readonly algorithm: string;
  /** Facts of every update that the algorithm asks for, beside `sampleCount`, `stepCount` and `meanLoss`. */
  readonly needs: readonly string[];
  /** What every update passes, in this order, before it is sent. Who does not know one must not join. */
  readonly stages: readonly StageDescriptor[];
  /** Those of the client's capabilities that the server has too. Default none. */
  readonly capabilities?: readonly string[];
}
export interface StageDescriptor {
  readonly name: string;
  readonly options: Readonly<Record<string, number | string | boolean>>;
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
  readonly hash: Hash;
}
/** Body: the plan's bytes. */
export interface Plan {
  readonly type: 'plan';
  readonly hash: Hash;
}
export interface GetFrozen {
  readonly type: 'getFrozen';
  readonly hash: Hash;
}
/** Body: safetensors of the frozen parameters, which are in no model. */
export interface Frozen {
  readonly type: 'frozen';
  readonly hash: Hash;
}
/**
 * Body: safetensors of the shared parameters that are not frozen, and the algorithm's broadcast tensors. Sent once a connection
 * for each model.
 */
export interface Model {
  readonly type: 'model';
  readonly version: Version;
}
export interface Train {
  readonly type: 'train';
  readonly task: number;
  readonly attempt: number;
  readonly clients: readonly ClientIndex[];
  /** The model they start from. */
  readonly base: Version;
  readonly scalars: Readonly<Record<string, number>>;
}
/** Body: safetensors of an `Update`'s tensors, as the last stage's client half made them. */
export interface UpdateMessage {
  readonly type: 'update';
  readonly task: number;
  readonly attempt: number;
  readonly client: ClientIndex;
  readonly base: Version;
  /** `sampleCount` and `stepCount`, `meanLoss` where there is one, and what `welcome.needs` asks of the client. */
  readonly facts: Facts;
  readonly trainMs: number;
}
export interface Failed {
  readonly type: 'failed';
  /** Of the training; of an evaluation its round. */
  readonly task: number;
  readonly attempt: number;
  readonly client: ClientIndex;
  readonly phase: 'train' | 'evaluate';
  readonly code: string;
  readonly message: string;
}
/** Clients whose update was decided. `counted`: they commit their private state; otherwise they drop it. */
export interface Settled {
  readonly type: 'settled';
  readonly task: number;
  readonly attempt: number;
  readonly clients: readonly ClientIndex[];
  readonly counted: boolean;
  /** Why it did not count: an error code, and the same for people. */
  readonly code?: string;
  readonly reason?: string;
}
/** Takes the place of what was asked before; without clients it only ends that. */
export interface Evaluate {
  readonly type: 'evaluate';
  readonly round: number;
  readonly clients: readonly IndexRange[];
  readonly model: Version;
}
export interface Evaluations {
  readonly type: 'evaluations';
  readonly round: number;
  /** At most 256 entries. */
  readonly entries: readonly ({ readonly client: ClientIndex } & Evaluation)[];
}
/** The client needs these models no more. */
export interface Forget {
  readonly type: 'forget';
  readonly versions: readonly Version[];
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
/** The receiver of an announced body does not want it: the message that it belongs to counts as never sent. */
export interface Decline {
  readonly type: 'decline';
  readonly stream: number;
}
/** The last message before the sender closes. */
export interface ErrorMessage {
  readonly type: 'error';
  readonly code: string;
  readonly message: string;
}
