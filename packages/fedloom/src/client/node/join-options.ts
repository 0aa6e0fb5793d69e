import { FedloomError } from '@fedloom/engine';
import type { PoolChoice } from '../../compute/node/pool-choice.js';
import { hashPattern } from '../../core/brands.js';
import { aboveZero, atLeastZero, type OptionRules, optionProblems, text, whole } from '../../core/option-problems.js';
import type { ClientAuth } from '../../protocol/handshake.js';
import type { Join } from '../../protocol/messages.js';
import type { MessageOptions } from '../../protocol/own-messages.js';
import type { Dial } from '../../protocol/transport.js';
import type { Task } from '../../task/task.js';
import type { ClientTls } from '../../transport/websocket/options.js';
import type { Stage } from '../../update/stage-contract.js';
import type { DialsByScheme } from '../dial-by-scheme.js';
import type { Outbound } from '../outbound.js';
import type { JoinEvent } from '../serve-until-finished.js';
import { checkSitePolicy, type SitePolicy } from '../site-policy.js';

export interface JoinOptions extends MessageOptions {
  /** The clients this process hosts. */
  readonly clients: Join['clients'];
  /** Name of the run to take part in, where the server has several. Default: the only one there. */
  readonly run?: string;
  /** How this process proves who it is, where the server asks: `[proveToken(text)]`. Default: it cannot. */
  readonly auth?: readonly ClientAuth[];
  /** Take part only where the server is of this version of fedloom; others speak the same protocol. Default false. */
  readonly sameVersion?: boolean;
  /**
   * Folder of their data: one part folder, or one that holds `client-<index>` for each, or a template of each one's, in which
   * `{rank}` (from 1) and `{index}` (from 0) stand for the client. Without it the task deals its data set.
   */
  readonly dataDir?: string;
  /** Needed without `dataDir`, and for trainer tasks. Where given, it must compile to the server's plan. */
  readonly task?: Task;
  /** `task` is for whatever trainer task the server has, under whatever algorithm of fedloom's: for who has no task file. */
  readonly anyTask?: boolean;
  /** Threads or processes that train. Default: one a core. */
  readonly workers?: number;
  /** What trains a plan; results do not depend on it. Default `threads`. */
  readonly pool?: PoolChoice;
  /** How long to go on dialling a server that is not there, from the last time it was. Default 60 s. */
  readonly retryForMs?: number;
  /** Bytes of updates kept until they are settled, so that a line that breaks costs no training. Default 256 MiB. */
  readonly keptBytesMax?: number;
  /** Largest model, plan or set of frozen parameters that the server may send, in bytes. Default 1 GiB. */
  readonly bodyBytesMax?: number;
  /**
   * What a call of the server's plan may take, in bytes of tensors at one time in each worker, as its shapes say for the samples of a
   * client; a plan that takes more is refused before it is loaded, or costs the client its turn. Default 4 GiB.
   */
  readonly planMemoryBytesMax?: number;
  /** Uniform in [0, 1): spreads the pauses between attempts to reach the server. Default `Math.random`. */
  readonly random?: () => number;
  /** Stages that the run may ask for beside the built-in ones and those of the task's algorithm. */
  readonly stages?: readonly Stage[];
  /**
   * How to reach the server: one transport for whatever address, or several by scheme (`{ unix: dialUnix }`) beside WebSocket,
   * which serves `ws` and `wss`.
   */
  readonly dial?: Dial | DialsByScheme;
  /** Whom to trust at an address `wss:`, and the client's own certificate where the server asks for one. */
  readonly tls?: ClientTls;
  /** The HTTP proxy through which a WebSocket reaches the server: `http://proxy.example:3128`. Default none. */
  readonly proxy?: string;
  /** How often a WebSocket asks the server for a sign of life; below the idle timeout of proxies between. Default 15 s. */
  readonly pingEveryMs?: number;
  /** Hash of the only plan that may run here, as the server tells it: any other is refused. Default: what `sitePolicy` says. */
  readonly planHash?: string;
  /** What this site allows, whatever a server says. Default: whatever the run is. */
  readonly sitePolicy?: SitePolicy;
  /**
   * Told of each message that may hold something of the clients' data, before it is sent. It is to return when it is recorded; where it
   * throws, nothing more is sent, and this rejects with `site.unrecorded`.
   */
  readonly onOutbound?: (outbound: Outbound) => void;
  /** Leaves the federation. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: JoinEvent) => void;
  /**
   * Folder where the clients' private state outlives this process, a folder in it for each run. Default: `.fedloom` in
   * `dataDir`, where it is taken away when the run is complete; without a `dataDir` that may be written to it is
   * kept for this process alone.
   */
  readonly stateDir?: string;
}

const RULES: OptionRules = {
  example: "{ clients: [{ from: 0, count: 10 }], dataDir: 'parts' }",
  required: {
    clients: [
      (value) => Array.isArray(value) && value.length > 0 && value.every(isRange),
      'a list of ranges, such as [{ from: 0, count: 10 }]',
    ],
  },
  optional: {
    run: text,
    proxy: text,
    dataDir: text,
    stateDir: text,
    workers: whole(1),
    retryForMs: atLeastZero,
    keptBytesMax: aboveZero,
    bodyBytesMax: whole(1),
    planMemoryBytesMax: whole(1),
    planHash: [(value) => typeof value === 'string' && hashPattern.test(value), 'a hash such as sha256:9f86…'],
    pingEveryMs: aboveZero,
  },
  others: Object.keys({
    auth: true,
    sameVersion: true,
    task: true,
    anyTask: true,
    pool: true,
    random: true,
    stages: true,
    dial: true,
    tls: true,
    signal: true,
    onEvent: true,
    onOutbound: true,
    sitePolicy: true,
    messages: true,
    onPeer: true,
  } satisfies Partial<Record<keyof JoinOptions, true>>),
};

function isRange(value: unknown): boolean {
  const { from, count } = (value ?? {}) as { readonly from?: unknown; readonly count?: unknown };
  return whole(0)[0](from) && whole(1)[0](count);
}

/** @throws FedloomError `client.options` that names every option at fault; `site.policy` */
export function checkJoinOptions(url: unknown, options: unknown): void {
  const address = typeof url === 'string' ? [] : [`the address of the server is ${String(url)}; give ws://HOST:PORT`];
  const issues = [...address, ...optionProblems(options, RULES)];
  if (issues.length > 0) throw wrongOptions(issues);
  const { sitePolicy } = options as Partial<JoinOptions>;
  if (sitePolicy !== undefined) checkSitePolicy(sitePolicy, 'joinFederation');
}

function wrongOptions(issues: readonly string[]): FedloomError {
  return new FedloomError('client.options', `joinFederation cannot begin: ${issues.join('; ')}.`, { issues });
}
