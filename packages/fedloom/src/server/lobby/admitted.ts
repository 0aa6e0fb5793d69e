import { FedloomError } from '@fedloom/engine';
import type { Channel } from '../../protocol/channel.js';
import type { Identity, ServerAuth } from '../../protocol/handshake.js';

/** Who was let in by a proof, as long as they are there: when it holds no more, they are closed upon. */
export class Admitted {
  readonly #identities = new Map<Channel, { readonly method: string; readonly identity: Identity }>();
  readonly #stops: readonly (() => void)[];

  constructor(methods: readonly ServerAuth[]) {
    this.#stops = methods.flatMap((method) => method.watch?.(() => this.#review(method)) ?? []);
  }

  add(channel: Channel, method: string, identity: Identity): void {
    this.#identities.set(channel, { method, identity });
  }

  left(channel: Channel): void {
    this.#identities.delete(channel);
  }

  /** Nobody is looked after any more. */
  close(): void {
    for (const stop of this.#stops) stop();
  }

  #review(auth: ServerAuth): void {
    for (const [channel, { method, identity }] of [...this.#identities]) {
      if (method === auth.name && auth.holds?.(identity) === false) channel.fail(revoked(method));
    }
  }
}

function revoked(method: string): FedloomError {
  const message = `What this client proved who it is by (${method}) was revoked. Ask whoever runs the server for another.`;
  return new FedloomError('session.revoked', message, { method });
}
