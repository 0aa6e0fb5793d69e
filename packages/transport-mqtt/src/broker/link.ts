/** Packets in flight, retained or not, all of quality of service 1. */
export interface Publication {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain?: boolean;
}

/** One end's tie to a broker, over the network or within the process. It is never mended: who needs another opens one. */
export interface BrokerLink {
  /** The broker, for people: `mqtt://127.0.0.1:1883`. */
  readonly broker: string;
  /** The encryption by the broker's certificate, as `Connection.binding` has it; absent: nothing is encrypted. */
  readonly binding?: string;
  /** Largest packet that the broker takes, as far as it said so, bytes with header and topic. */
  readonly packetBytesMax: number;
  /** Publications that may wait for the broker's word at a time. */
  readonly inFlightMax: number;
  /** Publications that the broker keeps for a subscriber who is slow; what is beyond may be lost. */
  readonly queuedMax: number;
  /** `done` is called once: the broker has it, or the link is lost. A broker of MQTT 5 may say that nobody listens there. */
  publish(publication: Publication, done: (nobodyListens: boolean) => void): void;
  /** @throws FedloomError `mqtt.broker` with the reason `topic` when the broker refuses one of them */
  subscribe(topics: readonly string[]): Promise<void>;
  unsubscribe(topics: readonly string[]): void;
  /** Says good-bye, so that no will is published. */
  end(): Promise<void>;
  /** Breaks it off: the will is published. */
  destroy(): void;
}

export interface LinkHandlers {
  /** The payload is only good until it returns. */
  message(topic: string, payload: Uint8Array): void;
  /** Called once, unless `end` was asked for. */
  lost(reason: string): void;
}

export type OpenLink = (handlers: LinkHandlers, signal?: AbortSignal) => Promise<BrokerLink>;
