import * as z from 'zod';
import type { ReportedResult, ReportedResults } from '../core/records.js';
import { isNestedDeeper } from '../core/shown-json.js';
import type { Entry } from './entries.js';
import { unknownRecordError } from './errors.js';
import { splitPayload } from './payload.js';
import type { JournalRecord, Json } from './record.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Settings and records have a few; checks of more would exhaust the stack. */
const LEVELS_MAX = 100;
/** JSON has no such numbers, and a round that diverged has nothing else to tell. */
const UNUSUAL = ['NaN', 'Infinity', '-Infinity', '-0'] as const;

const int = z.int().min(0);
const hash = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits');
const number = z.union([z.number(), z.enum(UNUSUAL).transform(Number)]);
const result: z.ZodType<ReportedResult> = z.union([number, z.array(z.lazy(() => result))]);
const results = z.record(z.string(), result);
const code = z.string();
const updates = z.array(z.object({ client: int, task: int, attempt: int, base: int, newest: int }));
const range = z.object({ from: int, count: z.int().min(1) });

const records = z.array(
  z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('run'),
      run: z.string(),
      task: z.object({ name: z.string(), hash }),
      plan: z.object({ hash }).nullable(),
      algorithm: z.json(),
      options: z.record(z.string(), z.json()),
      seed: z.int(),
      versions: z.record(z.string(), z.string()).refine((versions) => versions.fedloom !== undefined),
      processor: z.object({ model: z.string(), architecture: z.string(), platform: z.string() }).exactOptional(),
    }),
    z.object({ kind: z.literal('started'), attemptBase: int, at: z.string() }),
    z.object({
      kind: z.literal('version'),
      number: int,
      round: z.int().min(-1),
      models: z.record(z.string(), z.object({ hash, blob: hash, frozen: hash.exactOptional() })),
      state: hash.nullable(),
      needs: z.array(int),
    }),
    z.object({
      kind: z.literal('round'),
      round: int,
      outcome: z.enum(['counted', 'void']),
      reason: z.object({ code, message: z.string() }).exactOptional(),
      counted: updates,
      voidUpdates: updates,
      refused: z.array(z.object({ client: int, task: int, attempt: int, code })),
      replaced: z.array(z.object({ client: int, by: int.nullable(), code })),
      serverResults: results.nullable(),
      schedule: z.json().exactOptional(),
    }),
    z.object({
      kind: z.literal('privateState'),
      states: z.array(z.object({ client: int, task: int, blob: hash })),
    }),
    z.object({
      kind: z.literal('clients'),
      ranges: z.array(range.extend({ identity: z.string() })),
    }),
    z.object({
      kind: z.literal('evaluation'),
      round: int,
      // The other fields of the line are for people, and come back as they were.
      report: z.looseObject({
        round: int,
        trainLoss: number.nullable(),
        metrics: results.nullable(),
        clientMetrics: results.nullable(),
      }),
      evaluators: z.array(range).nullable(),
    }),
    z.object({ kind: z.literal('finished'), rounds: int, modelHash: hash }),
  ]),
);

/** Plain data as they come back from the disk, where they are none of the numbers that are told apart. */
export function asWritten(data: Json): Json {
  return JSON.parse(JSON.stringify(data, unusualAsText)) as Json;
}

/** A record as it stands in an entry's array. Numbers come back as they are, NaN and -0 of results included. */
export function recordText(record: JournalRecord): string {
  // Only where there may be such numbers: a replacer for all of a record takes about twice as long.
  return JSON.stringify(withoutUnusual(record));
}

function withoutUnusual(record: JournalRecord): unknown {
  switch (record.kind) {
    case 'round':
      return { ...record, serverResults: usualResults(record.serverResults) };
    case 'evaluation': {
      const { trainLoss, metrics, clientMetrics } = record.report;
      const usual = { trainLoss: usualNumber(trainLoss), metrics: usualResults(metrics) };
      return { ...record, report: { ...record.report, ...usual, clientMetrics: usualResults(clientMetrics) } };
    }
    default:
      return record;
  }
}

function usualResults(results: ReportedResults | null): unknown {
  return results === null ? null : JSON.parse(JSON.stringify(results, unusualAsText));
}

function usualNumber(value: number | null): unknown {
  return unusualAsText('', value);
}

/**
 * @param software version of fedloom that began the run, if it is known
 * @throws FedloomError `journal.version` for an entry that is whole and yet not understood
 */
export function decodeRecords({ payload, index }: Entry, software?: string): JournalRecord[] {
  const parsed = records.safeParse(parse(splitPayload(payload).records));
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw unknownRecordError(index, software, issues);
  }
  // `report` is checked as far as anything depends on it.
  return parsed.data as unknown as JournalRecord[];
}

function parse(payload: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(decoder.decode(payload));
    return isNestedDeeper(value, LEVELS_MAX) ? undefined : value;
  } catch {
    return undefined;
  }
}

function unusualAsText(_name: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}
