import { describe, expect, it } from 'vitest';
import { namedHash } from '../conformance/named-hash.js';
import { clientIndex, versionNumber } from '../core/brands.js';
import type { RoundRecord } from '../core/records.js';
import type { JournalRecord, RoundDecided, VersionMade } from './record.js';
import { ATTEMPTS_PER_START, recover, stillNeeded } from './recover.js';

const run: JournalRecord = {
  kind: 'run',
  run: 'a',
  task: { name: 't', hash: namedHash('t') },
  plan: null,
  algorithm: null,
  options: {},
  seed: 0,
  versions: { fedloom: '0.1.0' },
};
const version = (number: number, needs: number[] = []): VersionMade => ({
  kind: 'version',
  number: versionNumber(number),
  round: number - 1,
  models: { main: { hash: namedHash(`h${number}`), blob: namedHash(`b${number}`) } },
  state: null,
  needs: needs.map(versionNumber),
});
const tag = (client: number, attempt = 0) => ({ client: clientIndex(client), task: 0, attempt });
const round = (number: number, changes: Partial<RoundDecided> = {}): RoundDecided => ({
  kind: 'round',
  round: number,
  outcome: 'counted',
  counted: [],
  voidUpdates: [],
  refused: [],
  replaced: [],
  serverResults: null,
  ...changes,
});
const started = (attemptBase: number): JournalRecord => ({ kind: 'started', attemptBase, at: '' });
const report = (number: number) => ({ round: number }) as RoundRecord;

describe('recover', () => {
  it('makes nothing of a log that does not say what the run is', () => {
    expect(recover([])).toBeUndefined();
    expect(recover([started(0)])).toBeUndefined();
  });

  it('counts attempts on across processes', () => {
    const recovered = recover([run, started(0), started(ATTEMPTS_PER_START)]);
    expect(recovered).toMatchObject({ starts: 2, nextAttemptBase: 2 * ATTEMPTS_PER_START, rounds: 0, versions: [] });
  });

  it('knows what became last of each client, also of one that was refused first and then counted', () => {
    const recovered = recover([
      run,
      round(0, {
        counted: [{ ...tag(1, 2), base: versionNumber(0), newest: versionNumber(0) }],
        refused: [
          { ...tag(1, 1), code: 'update.invalid' },
          { ...tag(2), code: 'round.late' },
        ],
      }),
      round(1, { counted: [{ ...tag(2), base: versionNumber(1), newest: versionNumber(1) }] }),
    ]);
    expect(recovered?.rounds).toBe(2);
    expect(recovered?.decided.map(({ round }) => round)).toEqual([0, 1]);
  });

  it('keeps a void round as decided, with the version before it', () => {
    const recovered = recover([run, version(0), version(1), round(0), round(1, { outcome: 'void' })]);
    expect(recovered).toMatchObject({ rounds: 2, lastRound: { outcome: 'void' } });
    expect(recovered?.versions.at(-1)?.number).toBe(1);
    expect([...(recovered?.hashes ?? [])]).toEqual([
      [-1, { main: namedHash('h0') }],
      [0, { main: namedHash('h1') }],
    ]);
  });

  it('takes the last private state, identity and report of each', () => {
    const recovered = recover([
      run,
      { kind: 'clients', ranges: [{ from: 0, count: 3, identity: 'a' }] },
      { kind: 'clients', ranges: [{ from: 1, count: 1, identity: 'b' }] },
      { kind: 'privateState', states: [{ client: clientIndex(1), task: 0, blob: namedHash('x') }] },
      {
        kind: 'privateState',
        states: [
          { client: clientIndex(1), task: 3, blob: namedHash('y') },
          { client: clientIndex(2), task: 3, blob: namedHash('z') },
        ],
      },
      { kind: 'evaluation', round: 0, report: report(0), evaluators: [{ from: 0, count: 3 }] },
      { kind: 'finished', rounds: 1, modelHash: namedHash('m') },
    ]);
    expect(recovered?.identities).toEqual([
      { from: 0, count: 3, identity: 'a' },
      { from: 1, count: 1, identity: 'b' },
    ]);
    expect(recovered?.privateStates.get(clientIndex(1))).toEqual({ task: 3, blob: namedHash('y') });
    expect([...(recovered?.reports.keys() ?? [])]).toEqual([0]);
    expect(recovered?.evaluators.get(0)).toEqual([{ from: 0, count: 3 }]);
    expect(recovered?.finished?.rounds).toBe(1);
  });
});

describe('stillNeeded', () => {
  it('keeps the last two versions and those that are named', () => {
    let kept: readonly VersionMade[] = [];
    const numbers = () => kept.map(({ number }) => number);
    const add = (number: number, needs?: number[]) => {
      kept = stillNeeded(kept, version(number, needs));
      return numbers();
    };
    expect(add(0)).toEqual([0]);
    expect(add(1)).toEqual([0, 1]);
    expect(add(2)).toEqual([1, 2]);
    expect(add(3, [1])).toEqual([1, 2, 3]);
    expect(add(4, [1, 3])).toEqual([1, 3, 4]);
    // What was dropped does not come back.
    expect(add(5, [2])).toEqual([4, 5]);
  });
});
