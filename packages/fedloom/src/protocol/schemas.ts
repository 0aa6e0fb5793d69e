import { type ClientIndex, type Hash, hashPattern, type VersionNumber } from '../core/brands.js';
import type { Evaluation, Statistics } from '../core/evaluation.js';
import type { Results } from '../core/records.js';
import { isPlainName, visibleText } from '../core/visible-text.js';
import {
  type BodyRule,
  defineMessage,
  type MessageDefinition,
  type MessageSchema,
  type MessageSender,
  messageRegistry,
} from './define-message.js';
import { evaluationSize, fitsMessage } from './evaluation-size.js';
import {
  boolean,
  changed,
  type Field,
  FieldProblem,
  type Fields,
  fields,
  finite,
  integer,
  isObject,
  list,
  matching,
  oneOf,
  optional,
  text,
  valid,
  variants,
  where,
} from './fields.js';
import { errorCodePattern, wireLimits as limits } from './limits.js';
import type { Message } from './messages.js';

const index = integer(0, limits.indexMax);
const name = where(text(1, limits.nameLengthMax), isPlainName, 'without control characters');
/** For people to read: it reaches terminals. */
const prose = changed(text(0, limits.textLengthMax), visibleText);
const client = integer<ClientIndex>(0, limits.indexMax);
const hash = matching<Hash>(hashPattern);
const version = fields({ model: name, number: integer<VersionNumber>(0, limits.indexMax), hash });
const identifier = matching(/^[A-Za-z0-9._:-]{1,128}$/);
const code = matching(errorCodePattern);

const rangeFields = { from: index, count: integer(1, limits.clientsPerSessionMax) };
const endsInReach = (range: { readonly from: number; readonly count: number }): boolean =>
  range.from + range.count - 1 <= limits.indexMax;
const inReach = 'a range that ends at or below the largest index';
const range = where(fields(rangeFields), endsInReach, inReach);

const clientList = valid<readonly ClientIndex[]>(isIndexList, `a list of at most ${limits.rangesMax} indices`);
const statistics = valid<Statistics>(isStatistics, 'an object of { sum, weight } within the limits');
const results = valid<Results>(isResults, 'an object of finite numbers, or lists of them, within the limits');
const unsound = valid<Readonly<Record<string, string>>>(isUnsound, 'an object of texts within the limits');
const scalars = valid<Readonly<Record<string, number>>>(isScalars, 'an object of finite numbers within the limits');
const facts = valid<Readonly<Record<string, number>>>(isFacts, 'an object of finite numbers within the limits');
const stageOptions = valid<Readonly<Record<string, number | string | boolean>>>(
  isStageOptions,
  'an object of finite numbers, texts, true and false within the limits',
);

const evaluation = fields({
  client,
  sampleCount: finite(),
  statistics,
  results: optional(results),
  unsound: optional(unsound),
});

/** Every built-in message; the type checker sees to it that none is missing and that each schema yields its type. */
const definitions: { readonly [T in Message['type']]: MessageDefinition<Extract<Message, { readonly type: T }>> } = {
  hello: define('hello', 'client', 'none', {
    versions: list(index, 1, limits.versionsMax),
    software: prose,
    capabilities: list(name, 0, limits.capabilitiesMax),
  }),
  challenge: define('challenge', 'server', 'none', {
    version: index,
    methods: list(name, 1, limits.authMethodsMax),
    nonce: where(
      text(16, limits.nonceLengthMax),
      (nonce) => /^[0-9a-f]*$/.test(nonce),
      'of hexadecimal digits in lower case',
    ),
  }),
  auth: define('auth', 'client', 'none', {
    method: name,
    proof: optional(text(0, limits.proofLengthMax)),
    run: optional(identifier),
  }),
  welcome: define('welcome', 'server', 'none', {
    session: identifier,
    run: identifier,
    software: prose,
    clients: integer(1, limits.indexMax),
    seed: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    workload: variants('kind', {
      plan: fields({ kind: oneOf('plan'), hash, frozen: optional(hash) }),
      trainer: fields({ kind: oneOf('trainer'), task: name }),
    }),
    algorithm: name,
    needs: list(name, 0, limits.factsMax),
    stages: list(fields({ name, options: stageOptions }), 0, limits.stagesMax),
    capabilities: optional(list(name, 0, limits.capabilitiesMax)),
  }),
  join: define('join', 'client', 'none', {
    clients: where(
      list(where(fields({ ...rangeFields, clientId: optional(name) }), endsInReach, inReach), 1, limits.joinRangesMax),
      fitsSession,
      `at most ${limits.clientsPerSessionMax} clients`,
    ),
  }),
  joined: define('joined', 'server', 'none', { clients: list(range, 0, limits.rangesMax) }),
  leave: define('leave', 'client', 'none', {
    clients: where(list(range, 1, limits.rangesMax), fitsSession, `at most ${limits.clientsPerSessionMax} clients`),
  }),
  getPlan: define('getPlan', 'client', 'none', { hash }),
  plan: define('plan', 'server', 'required', { hash }),
  getFrozen: define('getFrozen', 'client', 'none', { hash }),
  frozen: define('frozen', 'server', 'required', { hash }),
  model: define('model', 'server', 'required', { version }),
  train: define('train', 'server', 'none', {
    task: index,
    attempt: index,
    clients: clientList,
    base: version,
    scalars,
  }),
  // Facts are any finite numbers here: an absurd one must cost one update, not the whole connection.
  update: define('update', 'client', 'required', {
    task: index,
    attempt: index,
    client,
    base: version,
    facts,
    trainMs: finite(0),
  }),
  failed: define('failed', 'client', 'none', {
    task: index,
    attempt: index,
    client,
    phase: oneOf('train', 'evaluate'),
    code,
    message: prose,
  }),
  settled: define('settled', 'server', 'none', {
    task: index,
    attempt: index,
    clients: clientList,
    counted: boolean(),
    code: optional(code),
    reason: optional(prose),
  }),
  evaluate: define('evaluate', 'server', 'none', {
    round: index,
    clients: list(range, 0, limits.rangesMax),
    model: version,
  }),
  evaluations: define('evaluations', 'client', 'none', {
    round: index,
    entries: where(
      list(evaluation, 0, limits.evaluationsMax),
      fitTogether,
      `entries with at most ${limits.evaluationNumbersMax} numbers and ${limits.evaluationNameCharsMax} characters of names and reasons in all`,
    ),
  }),
  forget: define('forget', 'server', 'none', { versions: list(version, 1, limits.versionsForgottenMax) }),
  finish: define('finish', 'server', 'none', { reason: oneOf('completed', 'cancelled', 'failed'), message: prose }),
  grant: define('grant', 'both', 'none', {
    stream: integer(1, limits.streamIdMax),
    bytes: integer(1, Number.MAX_SAFE_INTEGER),
  }),
  decline: define('decline', 'both', 'none', { stream: integer(1, limits.streamIdMax) }),
  error: define('error', 'both', 'none', { code, message: prose }),
};

/** The message types of protocol version 2. */
export const builtInMessages: readonly MessageDefinition[] = Object.values(definitions);
export const builtInRegistry = messageRegistry(builtInMessages);

function define<T extends string, S extends Readonly<Record<string, Field<unknown>>>>(
  type: T,
  from: MessageSender,
  body: BodyRule,
  shape: S,
) {
  const schema = schemaOf(fields({ type: oneOf(type), ...shape }));
  return defineMessage({ type, from, body, schema } as unknown as MessageDefinition<{ readonly type: T } & Fields<S>>);
}

function schemaOf<M>(message: Field<M>): MessageSchema<M> {
  return {
    safeParse(value) {
      try {
        return { success: true, data: message(value) };
      } catch (problem) {
        if (!(problem instanceof FieldProblem)) throw problem;
        return { success: false, error: { issues: [problem] } };
      }
    },
  };
}

function fitsSession(clients: readonly { count: number }[]): boolean {
  return clients.reduce((sum, { count }) => sum + count, 0) <= limits.clientsPerSessionMax;
}

function fitTogether(entries: readonly Evaluation[]): boolean {
  let numbers = 0;
  let nameChars = 0;
  for (const entry of entries) {
    const size = evaluationSize(entry);
    numbers += size.numbers;
    nameChars += size.nameChars;
  }
  return fitsMessage({ numbers, nameChars });
}

function isIndex(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= limits.indexMax;
}

function isIndexList(value: unknown): boolean {
  return Array.isArray(value) && value.length <= limits.rangesMax && value.every(isIndex);
}

/** Whether it is a JSON object of at most `entriesMax` usable names and valid values. */
function isNamed(value: unknown, entriesMax: number, isValid: (value: unknown) => boolean): boolean {
  if (!isObject(value)) return false;
  const names = Object.keys(value);
  if (names.length > entriesMax) return false;
  for (const name of names) {
    // `__proto__` would change the prototype of whatever a later owner copies the record into.
    if (name.length === 0 || name.length > limits.nameLengthMax || name === '__proto__') return false;
    if (!isPlainName(name)) return false;
    if (!isValid(value[name])) return false;
  }
  return true;
}

function isScalars(value: unknown): boolean {
  return isNamed(value, limits.scalarsMax, Number.isFinite);
}

function isFacts(value: unknown): boolean {
  return isNamed(value, limits.factsMax, Number.isFinite);
}

function isStageOptions(value: unknown): boolean {
  return isNamed(value, limits.stageOptionsMax, isOption);
}

function isOption(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= limits.nameLengthMax;
  return typeof value === 'boolean' || Number.isFinite(value);
}

function isStatistics(value: unknown): boolean {
  return isNamed(value, limits.resultsMax, isStatistic);
}

function isStatistic(value: unknown): boolean {
  return isObject(value) && isResult(value.sum) && Number.isFinite(value.weight) && (value.weight as number) > 0;
}

function isUnsound(value: unknown): boolean {
  return isNamed(value, limits.resultsMax, isReason);
}

function isReason(why: unknown): boolean {
  return typeof why === 'string' && why.length <= limits.reasonLengthMax && isPlainName(why);
}

function isResults(value: unknown): boolean {
  return isNamed(value, limits.resultsMax, isResult);
}

function isResult(value: unknown): boolean {
  if (!Array.isArray(value)) return Number.isFinite(value);
  return value.length <= limits.resultListMax && value.every((element) => Number.isFinite(element));
}
