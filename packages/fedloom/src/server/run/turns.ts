import type { ClientIndex } from '../../core/brands.js';
import type { UpdateTag } from '../schedule/types.js';
import type { VirtualTime } from '../schedule/virtual-clock.js';
import type { Input } from './incoming.js';

/** Holds what came of clients' training until it is its turn, where the order of arrival must not show in the model. */
export interface Turns {
  /** By a virtual clock, where there is one. */
  readonly now: number | null;
  readonly time: VirtualTime | null;
  /** These are waited for. */
  asked(clients: readonly ClientIndex[], task: number): void;
  /** These are not waited for any more. */
  cancelled(clients: readonly ClientIndex[], task: number): void;
  /** A result has come; `goOn` follows. @returns settles when it had its turn, so that its body may go */
  arrived(input: () => Input, tag: UpdateTag): Promise<void>;
  /** Hands over what has its turn. To be called after each step. */
  goOn(): void;
}
