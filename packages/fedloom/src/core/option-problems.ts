import { didYouMean } from '../../core/closest.js';
import { wireLimits } from '../../protocol/limits.js';

type Check = readonly [holds: (value: unknown) => boolean, mustBe: string];

const ROUNDS_MAX = 2 ** 31 - 1;
const RUN_NAME = /^[A-Za-z0-9._:-]{1,128}$/;

const whole = (least: number, most = Number.MAX_SAFE_INTEGER): Check => [
  (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  `a whole number of at least ${least}${most === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${most}`}`,
];
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const above: Check = [(value) => isNumber(value) && value > 0, 'a number above 0'];
const atLeastZero: Check = [(value) => isNumber(value) && value >= 0, 'a number of at least 0'];
const orNull = ([holds, mustBe]: Check): Check => [(value) => value === null || holds(value), `${mustBe}, or null`];
const text: Check = [(value) => typeof value === 'string', 'a text'];

const REQUIRED: Readonly<Record<string, Check>> = {
  clients: whole(1, wireLimits.clientsPerSessionMax),
  clientsPerRound: whole(1),
  rounds: whole(1, ROUNDS_MAX),
};

const OPTIONAL: Readonly<Record<string, Check>> = {
  seed: [Number.isSafeInteger, 'a whole number'],
  evaluateEvery: whole(0),
  patience: whole(1),
  keepBest: text,
  stopWhen: text,
  minimumClients: whole(1),
  deadlineMs: orNull(above),
  quorum: whole(1),
  memoryBytesMax: above,
  graceMs: orNull(atLeastZero),
  farewellMs: atLeastZero,
  waitForClientsMs: orNull(above),
  workers: whole(1),
  stages: [
    (value) => Array.isArray(value) && value.every((stage) => typeof stage?.name === 'string' && 'options' in stage),
    'a list of stages, such as [topK({ fraction: 0.01 })]',
  ],
  run: [
    (value) => typeof value === 'string' && RUN_NAME.test(value),
    'a name of 1 to 128 letters, digits, dots, dashes, colons or underscores',
  ],
};

/** Known beside those that are checked here; what listens has options of its own. */
const OTHERS = ['initialModel', 'sampler', 'checkpoint', 'journal', 'signal', 'messages', 'onPeer', 'pool'];
const KNOWN = [...Object.keys(REQUIRED), ...Object.keys(OPTIONAL), ...OTHERS];

/** What is wrong with a run's options, each a sentence without its full stop. A name that is nearly that of an option is told. */
export function optionProblems(given: unknown): readonly string[] {
  if (typeof given !== 'object' || given === null) {
    return [`they are ${String(given)}; give an object such as { clients: 100, clientsPerRound: 10, rounds: 30 }`];
  }
  const options = new Map<string, unknown>(Object.entries(given));
  const wrong = Object.entries({ ...REQUIRED, ...OPTIONAL }).flatMap(([name, [holds, mustBe]]) => {
    const value = options.get(name);
    if (value === undefined) return name in REQUIRED ? [`${name} is missing; it must be ${mustBe}`] : [];
    return holds(value) ? [] : [`${name} is ${shown(value)}; it must be ${mustBe}`];
  });
  const misspelt = [...options.keys()].flatMap((name) => {
    const guess = KNOWN.includes(name)
      ? ''
      : didYouMean(
          name,
          KNOWN.filter((known) => !options.has(known)),
        );
    return guess === '' ? [] : [`there is no option ${name}.${guess.replace(/\?$/, '')}`];
  });
  return [...wrong, ...misspelt];
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' || typeof value === 'function' ? `of type ${typeof value}` : String(value);
}
