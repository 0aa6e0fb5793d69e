import { FedloomError } from '@fedloom/engine';
import { hashPattern } from '../core/brands.js';
import { aboveZero, type OptionCheck, type OptionRules, optionProblems, whole } from '../core/option-problems.js';

/** What may stay at a site although a run asks for it. */
export type Withheld = 'meanLoss' | 'initialLoss' | 'evaluations' | 'reasons';

/**
 * What a site lets happen, kept by its own clients whatever a server says. Algorithms and stages are what the server calls them: who
 * does not trust it pins its plans.
 */
export interface SitePolicy {
  /** Servers to take part with: scheme, host and port of each, such as `wss://fed.example:8443`. Default: any. */
  readonly servers?: readonly string[];
  /** Hashes of the plans that may run. Training code of the site's own is no plan. Default: any. */
  readonly plans?: readonly string[];
  /** Names of the algorithms that may run. Default: any. */
  readonly algorithms?: readonly string[];
  /** Names of algorithms that may not. Default: none. */
  readonly refuseAlgorithms?: readonly string[];
  /**
   * Only runs whose updates pass the stage `clip` with at most this norm, which the client itself applies. Runs with buffers or uploads
   * are refused with it: they pass `clip` as they are. Default: any run.
   */
  readonly requireClip?: number;
  /** Training samples that a client must have for its update to leave. Default 1. */
  readonly sampleCountMin?: number;
  /** Trainings of each client whose updates may leave, counted by this process. Default: any number. */
  readonly trainingsMax?: number;
  /** Evaluations of each client whose results may leave, counted likewise. Default: any number. */
  readonly evaluationsMax?: number;
  /** Of an update's body, as it leaves. Default: any. */
  readonly updateBytesMax?: number;
  /**
   * What stays here. `meanLoss`, `initialLoss`: these facts of updates; a run that needs one is refused. `evaluations`: the client
   * answers as one without test samples. `reasons`: of what fails its code leaves, and no text. Default: nothing.
   */
  readonly withhold?: readonly Withheld[];
}

const WITHHELD: readonly Withheld[] = ['meanLoss', 'initialLoss', 'evaluations', 'reasons'];

const listOf = (holds: (value: string) => boolean, mustBe: string): OptionCheck => [
  (value) => Array.isArray(value) && value.every((one) => typeof one === 'string' && holds(one)),
  `a list of ${mustBe}`,
];

const RULES: OptionRules = {
  example: '{ requireClip: 1 }',
  required: {},
  optional: {
    servers: listOf((text) => URL.canParse(text), 'addresses such as wss://fed.example:8443'),
    plans: listOf((text) => hashPattern.test(text), 'hashes such as sha256:9f86…'),
    algorithms: listOf((text) => text !== '', 'names such as fedAvg'),
    refuseAlgorithms: listOf((text) => text !== '', 'names such as scaffold'),
    requireClip: aboveZero,
    sampleCountMin: whole(1),
    trainingsMax: whole(0),
    evaluationsMax: whole(0),
    updateBytesMax: whole(1),
    withhold: listOf((text) => WITHHELD.some((one) => one === text), `names among ${WITHHELD.join(', ')}`),
  } satisfies Record<keyof SitePolicy, OptionCheck>,
  others: [],
};

/**
 * @param from what it is of, for the message: a file, or the option of a function
 * @throws FedloomError `site.policy` that names everything at fault
 */
export function checkSitePolicy(given: unknown, from: string): SitePolicy {
  const issues = optionProblems(given, RULES);
  if (issues.length === 0) return given as SitePolicy;
  throw new FedloomError('site.policy', `The site policy of ${from} cannot be kept: ${issues.join('; ')}.`, { issues });
}
