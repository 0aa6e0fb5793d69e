import type { NoFields } from '@fedloom/engine/base';

type TypeFields = { readonly type: string };
type StreamFields = { readonly stream: number };

/** The errors of the protocol and of proofs of identity: code and fields. PROTOCOL.md, section 10, says when each is sent. */
export interface ProtocolErrors {
  'auth.file': { readonly path: string };
  'auth.key': NoFields;
  'auth.open-file': { readonly path: string };
  'auth.token': NoFields;

  'protocol.auth': { readonly method: string } | { readonly methods: readonly string[] };
  'protocol.body': TypeFields;
  'protocol.body-size': TypeFields & { readonly bytes: number; readonly bodyBytesMax: number };
  'protocol.capability': { readonly capability: string };
  'protocol.definition': TypeFields | { readonly count: number };
  'protocol.direction': TypeFields;
  'protocol.frame': NoFields;
  'protocol.frame-size': { readonly bytes: number; readonly bytesMax: number };
  'protocol.handshake-timeout': NoFields;
  'protocol.internal': NoFields;
  'protocol.json': NoFields;
  'protocol.message': TypeFields & { readonly field: string };
  'protocol.offset': StreamFields & { readonly offset: number; readonly expected: number };
  'protocol.order': TypeFields;
  'protocol.owed': { readonly bytes: number; readonly bytesMax: number };
  'protocol.overrun': StreamFields & {
    readonly bytes: number;
    readonly offset?: number;
    readonly grantedBytes?: number;
  };
  'protocol.repeated': { readonly hash: string };
  'protocol.required-field': TypeFields & { readonly field: string };
  'protocol.stalled': { readonly stallMs: number };
  'protocol.stream': StreamFields;
  'protocol.streams': { readonly streamsMax: number };
  'protocol.unexpected': TypeFields;
  'protocol.unknown-message': TypeFields;
  'protocol.unknown-plan': { readonly hash: string };
  'protocol.version': { readonly theirs: readonly number[]; readonly ours: readonly number[] };
}
