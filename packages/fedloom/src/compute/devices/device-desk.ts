import { FedloomError } from '@fedloom/engine';
import type { CancelSignal } from '../cancel-signal.js';
import { type DeviceAnswer, readAnswer } from './device-messages.js';

/** What a device is asked: equal asks have equal answers. */
interface Ask {
  readonly kind: DeviceAnswer['kind'];
  readonly round: number;
  /** Hash of the model that it is given. */
  readonly model: string;
}

interface OpenAsk extends Ask {
  readonly answered: (answer: DeviceAnswer) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Asks one device, one thing at a time. A device may be so simple that it does not say what it answers (`round_idx`). An answer
 * that may belong to an earlier ask, which was given up, is then dropped, once.
 */
export class DeviceDesk {
  readonly #device: number;
  readonly #send: (text: string) => void;
  #open: OpenAsk | undefined;
  #givenUp: Ask | undefined;

  constructor(device: number, send: (text: string) => void) {
    this.#device = device;
    this.#send = send;
  }

  /** @throws FedloomError `client.cancelled`, or what is wrong with the answer */
  async ask<K extends DeviceAnswer['kind']>(
    ask: Ask & { readonly kind: K },
    text: string,
    signal: CancelSignal,
  ): Promise<Extract<DeviceAnswer, { readonly kind: K }>> {
    const cancelled = new FedloomError('client.cancelled', 'The work was cancelled.');
    if (signal.aborted) throw cancelled;
    let giveUp: () => void = () => {};
    try {
      return await new Promise((answered, failed) => {
        this.#open = { ...ask, answered: answered as (answer: DeviceAnswer) => void, failed };
        giveUp = () => {
          this.#givenUp = ask;
          failed(cancelled);
        };
        signal.addEventListener('abort', giveUp);
        this.#send(text);
      });
    } finally {
      signal.removeEventListener('abort', giveUp);
      this.#open = undefined;
    }
  }

  /** Something came from the device. */
  receive(text: string): void {
    const open = this.#open;
    let answer: DeviceAnswer;
    try {
      answer = readAnswer(text, this.#device);
    } catch (error) {
      return open?.failed(error);
    }
    const stale = this.#givenUp;
    if (answer.round === undefined && stale?.kind === answer.kind) {
      this.#givenUp = undefined;
      if (open === undefined || stale.round !== open.round || stale.model !== open.model) return;
    }
    if (open?.kind !== answer.kind || (answer.round !== undefined && answer.round !== open.round)) return;
    open.answered(answer);
  }
}
