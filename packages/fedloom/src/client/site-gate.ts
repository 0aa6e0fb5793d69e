import { FedloomError } from '@fedloom/engine';
import type { HashFunction } from '../core/hash.js';
import type { AnyMessage } from '../protocol/codec.js';
import { type Outbound, type OutboundOptions, outboundOf } from './outbound.js';
import type { SiteGuard } from './site-guard.js';

export interface SiteGateOptions {
  readonly guard: SiteGuard;
  /** Told of what leaves; what it throws ends the client. */
  readonly onOutbound: ((outbound: Outbound) => void) | undefined;
  readonly hash: HashFunction;
  /** Of the run that the client was let in to. */
  readonly run: () => string | undefined;
  readonly partOf: OutboundOptions['partOf'];
}

/** The one way out of a site: what may not leave is taken out of a message, and what is left is recorded before it is sent. */
export class SiteGate {
  constructor(private readonly options: SiteGateOptions) {}

  /** @returns what may be sent in the message's place @throws FedloomError `site.unrecorded` */
  pass<M extends AnyMessage>(message: M, body: Uint8Array | undefined): M {
    const { guard, onOutbound, hash, run, partOf } = this.options;
    const told = guard.told(message);
    const outbound = onOutbound && outboundOf(told, body, { run: run(), hash, partOf });
    if (outbound === undefined) return told;
    try {
      onOutbound?.(outbound);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const text = `What is about to leave this site could not be recorded: ${why}. Nothing more is sent.`;
      throw new FedloomError('site.unrecorded', text, {}, { cause });
    }
    return told;
  }
}
