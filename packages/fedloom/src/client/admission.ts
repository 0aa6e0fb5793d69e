import { type ErrorCode, FedloomError } from '@fedloom/engine';
import type { ClientWorkload } from '../compute/executor.js';
import type { Channel } from '../protocol/channel.js';
import { answerChallenge, type ClientAuth, clientHello, noAuth } from '../protocol/handshake.js';
import { wireLimits } from '../protocol/limits.js';
import type { Challenge, Frozen, Join, Plan, Welcome } from '../protocol/messages.js';
import { pieces } from '../protocol/pieces.js';
import { Shipment, type ShipmentOptions } from './shipment.js';

export interface AdmissionOptions extends ShipmentOptions {
  /** The clients that want to be let in. */
  readonly clients: Join['clients'];
  readonly software: string;
  readonly capabilities: readonly string[];
  /** Refuse a server whose software is another, although it speaks the same protocol. Default false. */
  readonly sameSoftware?: boolean;
  /** The run to take part in, where the server has several. Default: the only one there. */
  readonly run?: string;
  /** How it proves who it is, where the server asks. Default: it cannot. */
  readonly auth?: readonly ClientAuth[];
  /** Hash of the plan that the client's own task file compiles to for a run's seed; the server's must equal it. */
  readonly expectedPlan?: (seed: number) => Promise<string>;
  /** What that plan takes from rows that are at hand here, in words: it may be why plans differ. Default nothing. */
  readonly learned?: readonly string[];
  /** The run is known, each time it is: throws if these clients cannot take part in it. */
  readonly onWelcome: (welcome: Welcome) => void;
  /** Makes ready for the work, which may take long, and longer than the line holds. */
  readonly prepare: (workload: ClientWorkload, welcome: Welcome) => Promise<void>;
}

/** Of a line on which too little moved, or of a moment: the next may be better. */
const PASSING: ReadonlySet<string> = new Set<ErrorCode>([
  'protocol.stalled',
  'protocol.owed',
  'protocol.handshake-timeout',
  'transport.full',
  'lobby.empty',
  'join.held',
  'join.timeout',
]);

/**
 * The way into a run, from `hello` to `join`, over however many connections it takes: one run, whose plan is fetched and
 * prepared once. It knows which refusals may pass.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #shipment: Shipment;
  #welcome: Welcome | undefined;
  #preparing: Promise<void> | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#shipment = new Shipment(options);
  }

  /** The run they were let in to, as it was told last. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** A connection is there. */
  begin(channel: Channel): void {
    const { software, capabilities } = this.#options;
    channel.send(clientHello({ software, capabilities }));
  }

  /** Who comes back names the run that it took part in: the server may have opened another meanwhile. */
  challenged(channel: Channel, challenge: Challenge): void {
    const { software, auth = [], run = this.#welcome?.run } = this.#options;
    const { binding } = channel;
    const { reply } = answerChallenge(challenge, {
      software,
      methods: [...auth, noAuth],
      ...(run !== undefined && { run }),
      ...(binding !== undefined && { binding }),
    });
    channel.send(reply);
  }

  /** @throws FedloomError `client.other-software`, `client.other-run`, `client.unknown-fact`, `client.plan-differs`, and what `onWelcome` and `prepare` throw */
  async welcomed(channel: Channel, welcome: Welcome): Promise<void> {
    this.#refuseOtherSoftware(welcome);
    this.#refuseOtherRun(welcome);
    this.#options.onWelcome(welcome);
    refuseUnknownFacts(welcome.needs);
    this.#welcome = welcome;
    if (this.#preparing !== undefined) return this.#joinPrepared(channel, this.#preparing);
    const { workload } = welcome;
    const expected = await this.#options.expectedPlan?.(welcome.seed);
    if (workload.kind !== 'plan') return this.#joinPrepared(channel, this.#prepareFor(workload, welcome));
    if (expected !== undefined && expected !== workload.hash) {
      throw planDiffers(workload.hash, expected, this.#options.learned);
    }
    for (const request of this.#shipment.expect(workload)) channel.send(request);
  }

  /**
   * A part of the workload that the server ships; with the last, the clients can be made ready.
   * @throws FedloomError `client.hash`, and what `decodePlan` and `prepare` throw
   */
  async shipped(channel: Channel, message: Plan | Frozen, body: Uint8Array): Promise<void> {
    const welcome = this.#welcome;
    if (welcome === undefined) {
      throw new FedloomError('protocol.order', 'A plan came before the welcome.', { type: message.type });
    }
    const workload = this.#shipment.arrived(message, body);
    if (workload === undefined) return;
    return this.#joinPrepared(channel, this.#preparing ?? this.#prepareFor(workload, welcome));
  }

  /**
   * Whether dialling again may help: the line was bad, the server is full, somebody holds these clients (be it an earlier
   * connection of theirs, of which the server has not noticed yet that it is gone), they were not ready in time, or the server
   * has not opened its runs yet, which it does one after another.
   */
  mayPass({ code }: FedloomError): boolean {
    return PASSING.has(code) || (code === 'lobby.run' && this.#welcome !== undefined);
  }

  #refuseOtherSoftware({ software: server }: Welcome): void {
    const { software: client, sameSoftware = false } = this.#options;
    if (!sameSoftware || server === client) return;
    throw new FedloomError(
      'client.other-software',
      `The server runs ${server}, and this client ${client}. Install the same version of fedloom on all hosts.`,
      { server, client },
    );
  }

  #refuseOtherRun({ run }: Welcome): void {
    const { run: asked } = this.#options;
    if (asked !== undefined && asked !== run) {
      throw new FedloomError(
        'client.other-run',
        `This client asked for the run ${asked}, the server let it in to ${run}: it is of a version that has one run only. ` +
          'Update fedloom there, or ask for no run.',
        { expected: asked, actual: run },
      );
    }
    const before = this.#welcome?.run;
    if (before === undefined || before === run) return;
    throw new FedloomError(
      'client.other-run',
      `The server now runs ${run}, this client took part in ${before}. Start the client again to join it.`,
      { expected: before, actual: run },
    );
  }

  #prepareFor(workload: ClientWorkload, welcome: Welcome): Promise<void> {
    const preparing = this.#options.prepare(workload, welcome);
    this.#preparing = preparing;
    preparing.catch(() => {
      this.#preparing = undefined;
    });
    return preparing;
  }

  async #joinPrepared(channel: Channel, preparing: Promise<void>): Promise<void> {
    await preparing;
    if (!channel.open) return;
    for (const clients of pieces(this.#options.clients, wireLimits.joinRangesMax)) {
      channel.send({ type: 'join', clients });
    }
  }
}

function planDiffers(server: string, client: string, learned: readonly string[] = []): FedloomError {
  const fromRows =
    ` The data set here takes from its own rows ${learned.join(', ')}: fix it in the task, as \`npx fedloom statistics\` prints it, ` +
    'where the rows are not those of the server.';
  return new FedloomError(
    'client.plan-differs',
    `The server's training plan is ${server}, the task file here compiles to ${client}. ` +
      'Use the same task file and the same fedloom version on both, or start the client without a task file.' +
      (learned.length === 0 ? '' : fromRows),
    { server, client },
  );
}

/** Of a trainer it is the task's own code that gives them: the server refuses an update that lacks one. */
function refuseUnknownFacts(needs: readonly string[]): void {
  const unknown = needs.find((fact) => fact !== 'initialLoss');
  if (unknown === undefined) return;
  throw new FedloomError(
    'client.unknown-fact',
    `The run's algorithm needs the fact "${unknown}" of every update, which this client does not know. Update fedloom here.`,
    { fact: unknown },
  );
}
