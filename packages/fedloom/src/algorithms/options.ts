import { FedloomError } from '@fedloom/engine';

/** What one hyper-parameter may be. */
export interface OptionRule {
  /** Absent: the option must be given. */
  readonly default?: number;
  /** Inclusive. */
  readonly min?: number;
  /** Exclusive. */
  readonly above?: number;
  /** Inclusive. */
  readonly max?: number;
  /** Exclusive. */
  readonly below?: number;
}

/**
 * An algorithm's hyper-parameters with defaults filled in.
 * @throws FedloomError `algorithm.option` for one that is missing, unknown, not finite or out of range.
 */
export function readOptions<Name extends string>(
  algorithm: string,
  given: Readonly<Record<string, number | undefined>>,
  rules: Readonly<Record<Name, OptionRule>>,
): Record<Name, number> {
  const names = Object.keys(rules) as Name[];
  for (const option of Object.keys(given)) {
    if (!Object.hasOwn(rules, option)) {
      const known = names.length === 0 ? 'it has no options' : `its options are ${names.join(', ')}`;
      throw new FedloomError('algorithm.option', `${algorithm}: there is no option "${option}"; ${known}.`, {
        algorithm,
        option,
      });
    }
  }
  return Object.fromEntries(
    names.map((name) => [name, readOption(algorithm, name, given[name], rules[name])]),
  ) as Record<Name, number>;
}

function readOption(algorithm: string, option: string, given: number | undefined, rule: OptionRule): number {
  const value = given ?? rule.default;
  const { min = Number.NEGATIVE_INFINITY, above = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } = rule;
  const { max = Number.POSITIVE_INFINITY } = rule;
  if (value !== undefined && Number.isFinite(value) && value >= min && value > above && value <= max && value < below)
    return value;
  const bounds = [
    ...(rule.min === undefined ? [] : [`of at least ${min}`]),
    ...(rule.above === undefined ? [] : [`above ${above}`]),
    ...(rule.max === undefined ? [] : [`of at most ${max}`]),
    ...(rule.below === undefined ? [] : [`below ${below}`]),
  ];
  throw new FedloomError(
    'algorithm.option',
    `${algorithm}: ${option} ${value === undefined ? 'is missing' : `is ${value}`}; it must be a finite number ${bounds.join(' and ')}.`,
    { algorithm, option, value },
  );
}
