import type { UpdateSpec } from '../../../update/update.js';
import type { HeldContribution } from '../../../update/update-holders.js';
import type { ChildMessage } from '../../workers/child-messages.js';
import type { WorkReply } from '../../workers/pool-worker.js';

/** What a pool tells a host of workers; `worker` is the pool's number for one of them. */
export type ToHost =
  /** A worker that was not named before starts with its first message. With `hold`, updates it trains stay here for that one. */
  | { readonly kind: 'message'; readonly worker: number; readonly message: ChildMessage; readonly hold?: number }
  | { readonly kind: 'cancel'; readonly worker: number; readonly mark: number }
  | { readonly kind: 'end'; readonly worker: number }
  | ToHolder;

/** As `UpdateHolders` has it; `hold` is the number of one pool's holding at this host, from `hold` to `release`. */
export type ToHolder =
  | {
      readonly kind: 'hold';
      readonly hold: number;
      readonly holder: number;
      readonly specs: readonly UpdateSpec[];
      readonly needsNorm: boolean;
    }
  | {
      readonly kind: 'add';
      readonly hold: number;
      readonly round: number;
      readonly update: number;
      readonly contribution: HeldContribution;
    }
  | { readonly kind: 'sum'; readonly hold: number; readonly round: number }
  | { readonly kind: 'drop'; readonly hold: number; readonly round: number }
  /** Nobody asks for anything of it any more. */
  | { readonly kind: 'release'; readonly hold: number };

/** What a host of workers tells. */
export type FromHost =
  /** First of all: how many workers it would have at work, and whose program it is. */
  | { readonly kind: 'offer'; readonly workers: number; readonly version: string }
  /** To a worker's messages, in their order. */
  | { readonly kind: 'reply'; readonly worker: number; readonly reply: WorkReply }
  /** It ended by itself. */
  | { readonly kind: 'lost'; readonly worker: number; readonly how: string }
  | { readonly kind: 'ended'; readonly worker: number }
  /** To `sum`, in their order: a `PartialSum`, its tensors as safetensors; without such where `count` is 0. */
  | { readonly kind: 'sum'; readonly count: number; readonly tensors?: Uint8Array };
