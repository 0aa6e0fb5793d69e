import type { Hash } from '../core/brands.js';
import type { HashFunction } from '../core/hash.js';
import { decodeSafetensors } from '../core/safetensors.js';
import type { AnyMessage } from '../protocol/codec.js';
import { floatsOf } from '../update/stages/float-tensors.js';
import { l2Norm } from '../update/stages/norm.js';
import { isFloat, type UpdateSpec } from '../update/update.js';

/** What a tensor of an update is of; `other`: made by a stage, of no trained values. */
export type OutboundPart = UpdateSpec['kind'] | 'other';

/** What leaves a site: a message that may hold something of its data, before it is sent. */
export interface Outbound {
  /** Absent before a server has let the client in. */
  readonly run?: string;
  /** As it is sent: its facts, results and reasons. `type` is `update`, `evaluations`, `failed`, `error` or an own message's. */
  readonly message: { readonly type: string; readonly [field: string]: unknown };
  /** The bytes that go with it; a server may decline them. */
  readonly body?: {
    readonly bytes: number;
    readonly hash: Hash;
    /** Of an update: the l2 norm of the float tensors of each part, as one vector. */
    readonly norms?: Readonly<Partial<Record<OutboundPart, number>>>;
  };
}

/** Nothing of a site's data is in the others: who a client is, what it asks for, what it grants. */
const TELLING: ReadonlySet<string> = new Set(['update', 'evaluations', 'failed', 'error']);

export interface OutboundOptions {
  readonly run: string | undefined;
  readonly hash: HashFunction;
  /** What a tensor of an update's body is of. */
  readonly partOf: (tensor: string) => OutboundPart;
}

/** What a message tells of the site's data; undefined where there is nothing of them in it. */
export function outboundOf(
  message: AnyMessage,
  body: Uint8Array | undefined,
  { run, hash, partOf }: OutboundOptions,
): Outbound | undefined {
  const { type } = message;
  if (!TELLING.has(type) && !type.includes('/')) return undefined;
  return {
    ...(run !== undefined && { run }),
    message: { ...message },
    ...(body && {
      body: {
        bytes: body.byteLength,
        hash: hash(body),
        ...(type === 'update' && { norms: normsOf(body, partOf) }),
      },
    }),
  };
}

function normsOf(body: Uint8Array, partOf: OutboundOptions['partOf']): Partial<Record<OutboundPart, number>> {
  const floats = [...decodeSafetensors(body)].filter(([, { dtype }]) => isFloat(dtype));
  const parts = [...new Set(floats.map(([name]) => partOf(name)))];
  return Object.fromEntries(
    parts.map((part) => [
      part,
      l2Norm(floats.filter(([name]) => partOf(name) === part).map(([, one]) => floatsOf(one))),
    ]),
  );
}
