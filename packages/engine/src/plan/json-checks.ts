import { FedloomError } from '../errors.js';

/** A JSON value with its place in the document, for messages. */
export interface Json {
  readonly path: string;
  readonly value: unknown;
}

/** The error of a plan that is not what it should be. */
export function malformed(path: string, expected: string, value?: unknown): FedloomError {
  const given = value === undefined ? 'nothing' : describe(value);
  return new FedloomError(
    'plan.format',
    `The training plan is malformed: ${path} must be ${expected}, not ${given}. ` +
      'Fetch the plan again, or make it with a fedloom of this version.',
    { path, expected },
  );
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  const text = String(value);
  return text.length > 40 ? `'${text.slice(0, 40)}...'` : `'${text}'`;
}

/** The fields of an object that has all of `required`, perhaps some of `optional`, and nothing else. */
export function fields<R extends string, O extends string = never>(
  json: Json,
  required: readonly R[],
  optional: readonly O[] = [],
): Record<R, Json> & Partial<Record<O, Json>> {
  const { path, value } = json;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(path, 'an object', value);
  const known: readonly string[] = [...required, ...optional];
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw malformed(path, `an object with the fields ${known.join(', ')}`, key);
  }
  const result: Record<string, Json> = {};
  for (const key of known) {
    if (Object.hasOwn(value, key)) result[key] = { path: `${path}.${key}`, value: Reflect.get(value, key) };
    else if (!optional.some((name) => name === key)) throw malformed(`${path}.${key}`, 'present');
  }
  return result as Record<R, Json> & Partial<Record<O, Json>>;
}

/** Name and value of each field of an object that is a table. */
export function entries(json: Json, countMax: number): readonly [string, Json][] {
  const { path, value } = json;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(path, 'an object', value);
  const all = Object.entries(value);
  if (all.length > countMax) throw overLimit(path, all.length, countMax, 'fields');
  return all.map(([key, entry]) => [key, { path: `${path}.${key}`, value: entry }]);
}

export function list(json: Json, countMax: number): readonly Json[] {
  const { path, value } = json;
  if (!Array.isArray(value)) throw malformed(path, 'a list', value);
  if (value.length > countMax) throw overLimit(path, value.length, countMax, 'entries');
  return value.map((entry: unknown, index) => ({ path: `${path}[${index}]`, value: entry }));
}

export function integer(json: Json, least: number, most: number): number {
  const { path, value } = json;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least) {
    throw malformed(path, `a whole number of at least ${least}`, value);
  }
  if (value > most) throw overLimit(path, value, most, '');
  return value;
}

export function finite(json: Json): number {
  if (typeof json.value !== 'number' || !Number.isFinite(json.value)) {
    throw malformed(json.path, 'a finite number', json.value);
  }
  return json.value;
}

export function truth(json: Json): boolean {
  if (typeof json.value !== 'boolean') throw malformed(json.path, 'true or false', json.value);
  return json.value;
}

export function text(json: Json, lengthMax: number): string {
  const { path, value } = json;
  if (typeof value !== 'string') throw malformed(path, 'a string', value);
  if (value.length > lengthMax) throw overLimit(path, value.length, lengthMax, 'characters');
  return value;
}

export function oneOf<T extends string>(json: Json, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === json.value);
  if (found === undefined) throw malformed(json.path, `one of ${choices.join(', ')}`, json.value);
  return found;
}

export function overLimit(path: string, actual: number, most: number, unit: string): FedloomError {
  return new FedloomError(
    'plan.limit',
    `The training plan is too large: ${path} is ${actual}${unit === '' ? '' : ` ${unit}`}, and at most ${most} are ` +
      'allowed. Raise the limit if you trust where the plan comes from.',
    { path, actual, most },
  );
}
