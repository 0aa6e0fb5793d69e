import { didYouMean } from './closest.js';

/** Whether a value is right, and what it must be. */
export type OptionCheck = readonly [holds: (value: unknown) => boolean, mustBe: string];

/** What a function's options may be, for callers whom no compiler helps. */
export interface OptionRules {
  /** A call that is right, for who gave no object: `{ clients: 100 }`. */
  readonly example: string;
  readonly required: Readonly<Record<string, OptionCheck>>;
  readonly optional: Readonly<Record<string, OptionCheck>>;
  /** Names of those that are checked elsewhere. */
  readonly others: readonly string[];
}

export const whole = (least: number, most = Number.MAX_SAFE_INTEGER): OptionCheck => [
  (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  `a whole number of at least ${least}${most === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${most}`}`,
];
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
export const aboveZero: OptionCheck = [(value) => isNumber(value) && value > 0, 'a number above 0'];
export const atLeastZero: OptionCheck = [(value) => isNumber(value) && value >= 0, 'a number of at least 0'];
export const text: OptionCheck = [(value) => typeof value === 'string', 'a text'];
export const orNull = ([holds, mustBe]: OptionCheck): OptionCheck => [
  (value) => value === null || holds(value),
  `${mustBe}, or null`,
];

/** What is wrong with the options that were given, each a sentence without its full stop. */
export function optionProblems(given: unknown, { example, required, optional, others }: OptionRules): string[] {
  if (typeof given !== 'object' || given === null) {
    return [`they are ${String(given)}; give an object such as ${example}`];
  }
  const options = new Map<string, unknown>(Object.entries(given));
  const wrong = Object.entries({ ...required, ...optional }).flatMap(([name, [holds, mustBe]]) => {
    const value = options.get(name);
    if (value === undefined) return name in required ? [`${name} is missing; it must be ${mustBe}`] : [];
    return holds(value) ? [] : [`${name} is ${shown(value)}; it must be ${mustBe}`];
  });
  const known = [...Object.keys(required), ...Object.keys(optional), ...others];
  const unknown = [...options.keys()].filter((name) => options.get(name) !== undefined && !known.includes(name));
  const free = known.filter((name) => !options.has(name));
  return [
    ...wrong,
    ...unknown.map((name) =>
      `there is no option ${name}.${didYouMean(name, free).replace(/\?$/, '')}`.replace(/\.$/, ''),
    ),
  ];
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' || typeof value === 'function' ? `of type ${typeof value}` : String(value);
}
