import { EventEmitter } from 'node:events';
import { defineTask, encodeSafetensors, type Tensor } from 'fedloom';
import type { Emitter } from '../../../packages/fedloom/dist/core/emitter.js';
import { Lobby } from '../../../packages/fedloom/dist/server/lobby/lobby.js';
import type { FederationEvents } from '../../../packages/fedloom/dist/server/run/federation-options.js';
import { nodePlatform } from '../../../packages/fedloom/dist/server/run/node-platform.js';
import { type OpenFederation, openFederation } from '../../../packages/fedloom/dist/server/run/open-federation.js';
import { HandConnection } from './hand-connection.js';
import { check, checkRefusal } from './target.js';

/** The server's of every handshake: inputs come to the same again. */
export const NONCE = '00112233445566778899aabbccddeeff';
/** Time stands still: nothing happens but what is said. */
const CLOCK = { now: () => 0, setTimer: () => () => {} };
const WAITS = { deadlineMs: null };
/** How a run may end that was cancelled, whatever its clients said. */
const ENDS = /^(?:run|round|aggregate|evaluation|model)\./;

const weights = (): Tensor => ({ dtype: 'float32', shape: [2], data: Float32Array.of(0.5, -1) });

const task = defineTask({
  name: 'fuzzed',
  trainer: () => {
    let params: ReadonlyMap<string, Tensor> = new Map([['w', weights()]]);
    return {
      getModelParams: () => params,
      setModelParams: (given) => {
        params = new Map(given);
      },
      train: () => ({ sampleCount: 1 }),
      test: () => ({ results: {}, sampleCount: 0 }),
    };
  },
});

/** The run of a server in this process, and a connection to it that is written by hand. */
export class ServedRun {
  /** Frames that the server sent. */
  readonly heard: Uint8Array[] = [];
  readonly #connection = new HandConnection((frame) => this.heard.push(frame.slice()));
  readonly #ended: Promise<unknown>;

  private constructor(
    private readonly opened: OpenFederation,
    private readonly lobby: Lobby,
  ) {
    this.#ended = opened.federation.result.catch((error: unknown) => checkRefusal(error, ENDS));
    // What is wrong with it is told at the end.
    this.#ended.catch(() => {});
    lobby.accept(this.#connection);
    opened.federation.open();
  }

  static async open(): Promise<ServedRun> {
    const lobby = new Lobby({ clock: CLOCK, nonce: () => NONCE });
    const events = new EventEmitter() as unknown as Emitter<FederationEvents>;
    const options = { run: 'fuzzed', seed: 0, clients: 2, clientsPerRound: 2, rounds: 2, evaluateEvery: 1 };
    const opened = await openFederation(task, options, {
      platform: nodePlatform,
      lobby,
      events,
      evaluator: undefined,
      waits: WAITS,
    });
    return new ServedRun(opened, lobby);
  }

  /** The body of an update that is as it should be. */
  get updateBody(): Uint8Array {
    return encodeSafetensors(new Map([['w', weights()]]));
  }

  /** A frame from the client; settles when the server has done what it does about it. */
  async say(frame: Uint8Array): Promise<void> {
    if (this.#connection.closes.length > 0) return;
    this.#connection.handlers.frame(frame);
    await turn();
  }

  /** @throws for anything that a client may not bring about */
  async end(): Promise<void> {
    const [reason] = this.#connection.closes;
    check(reason === undefined || !reason.includes('protocol.internal'), `a bug closed the connection: ${reason}`);
    if (reason === undefined) this.#connection.handlers.closed('gone');
    await turn();
    this.opened.federation.cancel();
    await this.#ended;
    await this.opened.close();
    this.lobby.close();
    const { usedBytes } = this.lobby.budget;
    check(usedBytes === 0, `${usedBytes} bytes are not given back`);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
