import { FedloomError } from '@fedloom/engine/base';
import type { JoinEvent } from '../client/serve-until-finished.js';
import { checkSitePolicy, type SitePolicy } from '../client/site-policy.js';
import { hashPattern } from '../core/brands.js';
import { aboveZero, atLeastZero, type OptionRules, optionProblems, text, whole } from '../core/option-problems.js';
import type { Join } from '../protocol/messages.js';
import type { PageData } from './given-data.js';
import type { InferenceSource } from './page-predictor.js';

/** What is used of a `Worker` of the page. */
export interface PageWorker {
  postMessage(message: unknown): void;
  addEventListener(type: string, listener: (event: never) => void): void;
  terminate(): void;
}

export interface PageJoinOptions {
  /** The clients that this page hosts: `[{ from: 3, count: 1 }]`. */
  readonly clients: Join['clients'];
  /** Their data: of the one client, or what gives those of each. They are copied into the worker, and leave it as updates alone. */
  readonly data: PageData | ((client: number) => PageData | Promise<PageData>);
  /** Address of the folder on your host with the files of the package onnxruntime-web, relative to the page: `/onnxruntime/`. */
  readonly runtime: string;
  /**
   * `webgpu` runs on the graphics processor what ONNX Runtime has kernels for, where the browser has an adapter. Default `wasm`:
   * the processor.
   */
  readonly device?: 'wasm' | 'webgpu';
  /** Threads inside one operator. Default: one on pages that are not cross-origin isolated, else up to 4, one core less than there are. */
  readonly threads?: number;
  /**
   * What models compute, for `predict`: the file `inference.onnx` of the run's folder, or its address on your host, relative to the page.
   * Default: nothing is predicted.
   */
  readonly inference?: InferenceSource;
  /** Makes the worker, where your bundler does not find the one of this package: `() => new Worker(url, { type: 'module' })`. */
  readonly worker?: () => PageWorker;
  /** Name of the run to take part in, where the server has several. Default: the only one there. */
  readonly run?: string;
  /** A token, as `fedloom clients token` prints it, where the server asks for one. It stays here: a proof travels. */
  readonly token?: string;
  /** Hash of the only plan that may run here. Default: what `sitePolicy` says. */
  readonly planHash?: string;
  /** What this page allows, whatever a server says. Default: whatever the run is. */
  readonly sitePolicy?: SitePolicy;
  /**
   * Whether private state of clients (SCAFFOLD, private layers) outlives the page, in IndexedDB, until their run is complete: who opens the
   * page again goes on as the same client. Default: where the browser has IndexedDB.
   */
  readonly keepState?: boolean;
  /** How long to go on dialling a server that is not there, from the last time it was. Default 60 s. */
  readonly retryForMs?: number;
  /** Bytes of updates kept until they are settled, so that a line that breaks costs no training. Default 64 MiB. */
  readonly keptBytesMax?: number;
  /** Largest model, plan or set of frozen parameters that the server may send, in bytes. Default 256 MiB. */
  readonly bodyBytesMax?: number;
  /** What a call of the server's plan may take, in bytes of tensors at one time; a plan that takes more is refused. Default 1 GiB. */
  readonly planMemoryBytesMax?: number;
  readonly onEvent?: (event: JoinEvent) => void;
}

const RULES: OptionRules = {
  example: "{ clients: [{ from: 0, count: 1 }], data: { train: { x, y } }, runtime: '/onnxruntime/' }",
  required: {
    clients: [
      (value) => Array.isArray(value) && value.length > 0 && value.every(isRange),
      'a list of ranges, such as [{ from: 0, count: 1 }]',
    ],
    data: [
      (value) => typeof value === 'function' || isData(value),
      "a client's data, { train: { x, y } }, or a function that gives those of each",
    ],
    runtime: text,
  },
  optional: {
    device: [(value) => value === 'wasm' || value === 'webgpu', "'wasm' or 'webgpu'"],
    threads: whole(1),
    inference: [
      (value) => typeof value === 'string' || value instanceof Uint8Array,
      'the address of inference.onnx, or its bytes',
    ],
    run: text,
    token: text,
    planHash: [(value) => typeof value === 'string' && hashPattern.test(value), 'a hash such as sha256:9f86…'],
    keepState: [(value) => typeof value === 'boolean', 'true or false'],
    retryForMs: atLeastZero,
    keptBytesMax: aboveZero,
    bodyBytesMax: whole(1),
    planMemoryBytesMax: whole(1),
  },
  others: Object.keys({ worker: true, sitePolicy: true, onEvent: true } satisfies Partial<
    Record<keyof PageJoinOptions, true>
  >),
};

function isRange(value: unknown): boolean {
  const { from, count } = (value ?? {}) as { readonly from?: unknown; readonly count?: unknown };
  return whole(0)[0](from) && whole(1)[0](count);
}

/** Whether these are the data of a client, as far as their form goes. */
export function isData(value: unknown): value is PageData {
  const { train } = (value ?? {}) as { readonly train?: { readonly x?: unknown; readonly y?: unknown } };
  return train?.x !== undefined && train.y !== undefined;
}

/** @throws FedloomError `client.options` that names every option at fault; `site.policy` */
export function checkPageOptions(url: unknown, options: unknown): void {
  const isAddress = typeof url === 'string' && /^wss?:\/\//.test(url);
  const address = isAddress ? [] : [`the address of the server is ${String(url)}; give wss://HOST:PORT`];
  const issues = [...address, ...optionProblems(options, RULES)];
  if (issues.length > 0) throw wrongOptions(issues);
  const { sitePolicy, clients, data } = options as PageJoinOptions;
  if (typeof data !== 'function' && clients.reduce((sum, { count }) => sum + count, 0) !== 1) {
    throw wrongOptions(['data are those of one client, and several are hosted: give a function, (client) => data']);
  }
  if (sitePolicy !== undefined) checkSitePolicy(sitePolicy, 'joinFederation');
}

function wrongOptions(issues: readonly string[]): FedloomError {
  return new FedloomError('client.options', `joinFederation cannot begin: ${issues.join('; ')}.`, { issues });
}
