import { FedloomError } from '@fedloom/engine';
import type { ClientIndex } from '../../core/brands.js';
import type { Evaluation } from '../../core/evaluation.js';
import { rangesFromIndices } from '../../core/index-ranges.js';
import type { EvaluationCounts, Results } from '../../core/records.js';
import { problemOfResult } from '../../core/sound-evaluation.js';
import {
  type ClientResults,
  type CountedResults,
  clientResults,
  type ResultAggregator,
  type UnsoundResult,
} from '../../task/result-aggregator.js';

/** Of those that were left out, so many are told by name: a round's record stays small. */
const UNSOUND_KEPT = 20;
const UNSOUND_TOLD = 3;

/** What the aggregator makes of the clients' evaluations, and of what each of them did not count. */
export function aggregated(
  round: number,
  evaluations: ReadonlyMap<ClientIndex, Evaluation>,
  aggregator: ResultAggregator,
): CountedResults | Promise<CountedResults> {
  const given = new Map<number, ClientResults>([...evaluations].map(([client, own]) => [client, clientResults(own)]));
  const unsound = [...evaluations].flatMap(([client, own]) => unsoundOf(client, own));
  const done = (counted: CountedResults): CountedResults => ({
    ...counted,
    unsound: [...unsound, ...counted.unsound].sort((a, b) => (a.client ?? -1) - (b.client ?? -1)),
  });
  if (aggregator.aggregateCounted !== undefined) {
    const counted = aggregator.aggregateCounted(round, given);
    return counted instanceof Promise ? counted.then(done) : done(counted);
  }
  const results = aggregator.aggregate(round, given);
  const checked = (made: Results) => done(withCounts(made, given));
  return results instanceof Promise ? results.then(checked) : checked(results);
}

/** What of an evaluation did not count. @param client null: the server's own test */
export function unsoundOf(client: number | null, { unsound = {} }: Evaluation): UnsoundResult[] {
  return Object.entries(unsound).map(([result, reason]) => ({ client, result, reason }));
}

function withCounts(made: unknown, given: ReadonlyMap<number, ClientResults>): CountedResults {
  if (typeof made !== 'object' || made === null || Array.isArray(made)) {
    throw new FedloomError('aggregator.result', 'it must return an object of named finite numbers, or lists of them.');
  }
  const entries = Object.entries(made as Results);
  const clients = entries.map(([name]) => {
    const those = [...given.values()].filter(({ results }) => Object.hasOwn(results, name)).length;
    return [name, those === 0 ? given.size : those] as const;
  });
  return { results: made as Results, clients: Object.fromEntries(clients), unsound: [] };
}

/** Of what a user's aggregator gave what can be recorded, and what it is told of the rest. */
export function soundResults(counted: CountedResults): {
  readonly counted: CountedResults;
  readonly problems: string[];
} {
  const entries = Object.entries(counted.results);
  const problems = entries.flatMap(([name, value]) => {
    const problem = problemOfResult(value);
    return problem === undefined ? [] : [`its "${name}" ${problem}`];
  });
  if (problems.length === 0) return { counted, problems };
  const results = Object.fromEntries(entries.filter(([, value]) => problemOfResult(value) === undefined));
  const clients = Object.fromEntries(Object.entries(counted.clients).filter(([name]) => Object.hasOwn(results, name)));
  return { counted: { ...counted, results, clients }, problems };
}

export function evaluationCounts(
  { clients, unsound }: Pick<CountedResults, 'clients' | 'unsound'>,
  untested: Iterable<ClientIndex>,
): EvaluationCounts {
  return {
    clients,
    unsound: unsound.slice(0, UNSOUND_KEPT),
    unsoundCount: unsound.length,
    untested: rangesFromIndices(untested),
  };
}

/** For people; undefined: all counted. */
export function unsoundText(round: number, unsound: readonly UnsoundResult[]): string | undefined {
  if (unsound.length === 0) return undefined;
  const told = unsound.slice(0, UNSOUND_TOLD).map(({ client, result, reason }) => {
    const who = client === null ? 'the server' : `client ${client}`;
    return result === null ? `all of ${who}: ${reason}` : `"${result}" of ${who} ${reason}`;
  });
  const more = unsound.length - told.length;
  return `Left out of the results of round ${round + 1}: ${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}.`;
}
