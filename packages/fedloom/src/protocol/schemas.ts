import * as z from 'zod';
import {
  type BodyRule,
  defineMessage,
  type MessageDefinition,
  type MessageSender,
  messageRegistry,
} from './define-message.js';
import { errorCodePattern, wireLimits as limits } from './limits.js';
import type { Message, Results } from './messages.js';

const index = z.int().min(0).max(limits.indexMax);
const finite = z.number();
const name = z.string().min(1).max(limits.nameLengthMax);
const text = z.string().max(limits.textLengthMax);
const hash = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const identifier = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/);
const code = z.string().regex(errorCodePattern);

const rangeFields = { from: index, count: z.int().min(1).max(limits.clientsPerSessionMax) };
const endsInReach = (range: { from: number; count: number }): boolean =>
  range.from + range.count - 1 <= limits.indexMax;
const range = z.object(rangeFields).refine(endsInReach, 'ends above the largest index');
const ranges = z.array(range).max(limits.rangesMax);

// Long lists are checked by hand: zod takes 0.15 us a number, which 1,000 clients a round would notice.
const indexList = z.custom<readonly number[]>(isIndexList, `must be at most ${limits.rangesMax} indices`);
const results = z.custom<Results>(isResults, 'must be named finite numbers, or lists of them, within the limits');
const scalars = z.custom<Readonly<Record<string, number>>>(isScalars, 'must be named finite numbers within the limits');

/** Every built-in message; the type checker sees to it that none is missing and that each schema yields its type. */
const definitions: { readonly [T in Message['type']]: MessageDefinition<Extract<Message, { readonly type: T }>> } = {
  hello: define('client', 'none', {
    type: z.literal('hello'),
    versions: z.array(index).min(1).max(limits.versionsMax),
    software: text,
    capabilities: z.array(name).max(limits.capabilitiesMax),
  }),
  challenge: define('server', 'none', {
    type: z.literal('challenge'),
    version: index,
    methods: z.array(name).min(1).max(limits.authMethodsMax),
    nonce: z
      .string()
      .regex(/^[0-9a-f]*$/)
      .min(16)
      .max(limits.nonceLengthMax),
  }),
  auth: define('client', 'none', {
    type: z.literal('auth'),
    method: name,
    proof: z.string().max(limits.proofLengthMax).exactOptional(),
  }),
  welcome: define('server', 'none', {
    type: z.literal('welcome'),
    session: identifier,
    run: identifier,
    software: text,
    clients: z.int().min(1).max(limits.indexMax),
    seed: z.int(),
    workload: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('plan'), hash }),
      z.object({ kind: z.literal('trainer'), task: name }),
    ]),
    algorithm: name,
  }),
  join: define('client', 'none', {
    type: z.literal('join'),
    clients: z
      .array(
        z
          .object({ ...rangeFields, clientId: name.exactOptional() })
          .refine(endsInReach, 'ends above the largest index'),
      )
      .min(1)
      .max(limits.rangesMax)
      .refine(fitsSession, `may hold at most ${limits.clientsPerSessionMax} clients`),
  }),
  joined: define('server', 'none', { type: z.literal('joined'), clients: ranges }),
  leave: define('client', 'none', { type: z.literal('leave'), clients: ranges.min(1) }),
  getPlan: define('client', 'none', { type: z.literal('getPlan'), hash }),
  plan: define('server', 'required', { type: z.literal('plan'), hash }),
  model: define('server', 'required', { type: z.literal('model'), hash }),
  train: define('server', 'none', {
    type: z.literal('train'),
    round: index,
    attempt: index,
    clients: indexList,
    model: hash,
    scalars,
  }),
  // Sample counts are any finite number here: an absurd one must cost one update, not the whole connection.
  update: define('client', 'required', {
    type: z.literal('update'),
    round: index,
    attempt: index,
    client: index,
    sampleCount: finite,
    stepCount: index,
    meanLoss: finite.nullable(),
    trainMs: finite.min(0),
  }),
  failed: define('client', 'none', {
    type: z.literal('failed'),
    round: index,
    attempt: index,
    client: index,
    phase: z.enum(['train', 'evaluate']),
    code,
    message: text,
  }),
  settled: define('server', 'none', {
    type: z.literal('settled'),
    round: index,
    attempt: index,
    clients: indexList,
    counted: z.boolean(),
    reason: text.exactOptional(),
  }),
  evaluate: define('server', 'none', { type: z.literal('evaluate'), round: index, clients: ranges, model: hash }),
  evaluations: define('client', 'none', {
    type: z.literal('evaluations'),
    round: index,
    entries: z.array(z.object({ client: index, sampleCount: finite, results })).max(limits.evaluationsMax),
  }),
  finish: define('server', 'none', {
    type: z.literal('finish'),
    reason: z.enum(['completed', 'cancelled', 'failed']),
    message: text,
  }),
  grant: define('both', 'none', {
    type: z.literal('grant'),
    stream: z.int().min(1).max(limits.streamIdMax),
    bytes: z.int().min(1),
  }),
  error: define('both', 'none', { type: z.literal('error'), code, message: text }),
};

/** The message types of protocol version 1. */
export const builtInMessages: readonly MessageDefinition[] = Object.values(definitions);
export const builtInRegistry = messageRegistry(builtInMessages);

function define<Shape extends z.ZodRawShape & { type: z.ZodLiteral<string> }>(
  from: MessageSender,
  body: BodyRule,
  shape: Shape,
) {
  const schema = z.object(shape);
  return defineMessage({ type: shape.type.value, from, body, schema } as unknown as MessageDefinition<
    z.output<typeof schema> & { readonly type: Shape['type']['value'] }
  >);
}

function fitsSession(clients: readonly { count: number }[]): boolean {
  return clients.reduce((sum, { count }) => sum + count, 0) <= limits.clientsPerSessionMax;
}

function isIndex(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= limits.indexMax;
}

function isIndexList(value: unknown): boolean {
  return Array.isArray(value) && value.length <= limits.rangesMax && value.every(isIndex);
}

/** Own entries of a JSON object with usable names, at most `entriesMax`; undefined when it is anything else. */
function namedEntries(value: unknown, entriesMax: number): [string, unknown][] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > entriesMax) return undefined;
  for (const [key] of entries) {
    // `__proto__` would change the prototype of whatever a later owner copies the record into.
    if (key.length === 0 || key.length > limits.nameLengthMax || key === '__proto__') return undefined;
  }
  return entries;
}

function isScalars(value: unknown): boolean {
  return namedEntries(value, limits.scalarsMax)?.every(([, scalar]) => Number.isFinite(scalar)) ?? false;
}

function isResults(value: unknown): boolean {
  return namedEntries(value, limits.resultsMax)?.every(([, result]) => isResult(result)) ?? false;
}

function isResult(value: unknown): boolean {
  if (!Array.isArray(value)) return Number.isFinite(value);
  return value.length <= limits.resultListMax && value.every((element) => Number.isFinite(element));
}
