/**
 * What a transport does: carry whole frames in order between two ends, and say when the other end is gone. Any will do that
 * passes `transportSuite` of `fedloom/testing`; a server takes it as `listeners`, a client as `dial`.
 */

/** One end of an open connection. Frames arrive in order, whole, exactly once, or the connection closes. */
export interface Connection {
  /** Where the other end is, for people: `127.0.0.1:53211`, `memory`. */
  readonly peer: string;
  /**
   * Must be called once, synchronously on receipt of the connection; frames that came before are delivered after.
   * A handler must not throw.
   */
  bind(handlers: ConnectionHandlers): void;
  /**
   * Hands a frame over; never blocks. The frame belongs to the transport from then on: the caller must not change it.
   * @returns false once `bufferedBytesMax` bytes wait to leave: send no more until `drained`.
   */
  send(frame: Uint8Array): boolean;
  /** Bytes handed over that have not left. */
  readonly bufferedBytes: number;
  /**
   * What this end knows of the encryption, to which proofs of identity are bound, so that nobody hands them on: `tls:` and the SHA-256
   * of the server's certificate, in hexadecimal digits; `tls` on a page, which is not told the certificate; `proxied` at a server whose own proxy encrypts, so that it cannot know;
   * absent: nothing is encrypted here.
   */
  readonly binding?: string;
  /** Of a server's end: the name in the client's certificate, where the transport asked for one. */
  readonly certified?: string;
  /**
   * While true, silence alone does not end the connection: the other end works on what it was asked, and a thread that works
   * cannot speak. A machine that is gone must still be noticed, as by TCP keep-alive. At first false.
   */
  patient: boolean;
  /** Lets what was sent leave, then closes; safe to call twice. `reason` is at most 120 characters. */
  close(reason?: string): void;
  /**
   * Reads nothing for so many milliseconds, so that the other end can send no more than fits between; default: it goes on. A rest
   * takes the place of one before.
   */
  rest?(restMs: number): void;
  /** Closes at once: what has not left is dropped, and its memory with it. Default: as `close`. */
  abort?(reason: string): void;
  /**
   * Only of a server's end, where the transport carries a body once for all its connections: makes `body` ready to be fetched
   * by the other end, before whatever is sent after. `name` is the body's hash; it must not change until it is given back.
   * @returns gives it back: to be called once the other end has it, or will not need it
   */
  share?(name: string, body: Uint8Array): () => void;
  /**
   * Of the client's end of such a connection: fetches what the other end shares, `bytes` long, in pieces in their order, never
   * within the call. The receiver owns a piece, whose memory is its own. When it cannot be had, the connection closes.
   * @returns ends it: nothing is taken any more
   */
  fetch?(name: string, bytes: number, take: (piece: Uint8Array) => void): () => void;
}

export interface ConnectionHandlers {
  /** The receiver owns `frame`. */
  frame(frame: Uint8Array): void;
  drained(): void;
  /** Called once, whoever closed. */
  closed(reason: string): void;
  /** Memory for a frame that is to be delivered, for transports that put frames together; what it holds is anything. */
  memory?(bytes: number): Uint8Array;
  /** The transport is through with a frame that it was sent and that it has not changed: its memory may be used again. */
  spent?(frame: Uint8Array): void;
}

export interface Listener {
  /** What a client gives to connect: `ws://127.0.0.1:8080`. */
  readonly url: string;
  /** Stops accepting; open connections stay. */
  close(): Promise<void>;
}

/**
 * Accepts connections from now on: a transport's server side, its address already chosen.
 * @throws FedloomError `transport.listen` or another of `transport.*`, with the reason
 */
export type Listen = (onConnection: (connection: Connection) => void) => Listener | Promise<Listener>;

/** Dials `url`. @throws FedloomError `transport.connect` with the reason, also when the signal aborts. */
export type Dial = (url: string, options?: { readonly signal?: AbortSignal }) => Promise<Connection>;
