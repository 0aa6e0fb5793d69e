import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isFedloomError } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ownersFile } from '../auth/owners-file.js';
import { checkMeant, IndexOwners, type OwnedRange } from './index-owners.js';

const range = (from: number, count = 1) => ({ from, count });

describe('an index belongs to who took it first', () => {
  test('and others are told whose it is; who is refused gets nothing', () => {
    const owners = new IndexOwners();
    owners.claim('north', [range(3, 2)]);
    owners.claim('north', [range(2, 4)]);
    expect(() => owners.claim('south', [range(0), range(5, 2)])).toThrow(
      expect.objectContaining({
        code: 'join.owned',
        fields: { client: 5, owner: 'north' },
        message: 'Client 5 of this run belongs to north, who joined as it first. Join with an index of your own.',
      }),
    );
    owners.claim('east', [range(0, 2), range(6)]);
    expect(() => owners.claim('north', [range(6)])).toThrow('belongs to east');
  });

  test('as a map of each index would say', () => {
    const claims = fc.record({
      owner: fc.constantFrom('a', 'b', 'c'),
      ranges: fc.array(fc.record({ from: fc.nat(30), count: fc.integer({ min: 1, max: 8 }) }), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(claims, { maxLength: 20 }), (all) => {
        const written: OwnedRange[] = [];
        const owners = new IndexOwners({ load: () => [], add: (owned) => void written.push(...owned) });
        const owner = new Map<number, string>();
        for (const { owner: who, ranges } of all) {
          const asked = ranges.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i));
          const refused = asked.some((index) => (owner.get(index) ?? who) !== who);
          if (!refused) for (const index of asked) owner.set(index, who);
          let code: string | undefined;
          try {
            owners.claim(who, ranges);
          } catch (error) {
            code = isFedloomError(error, 'join.owned') ? error.code : 'other';
          }
          expect(code).toBe(refused ? 'join.owned' : undefined);
        }
        const indices = written.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i));
        expect([...indices].sort((one, two) => one - two)).toEqual([...owner.keys()].sort((one, two) => one - two));
      }),
    );
  });
});

test('who is meant to be some clients may be no others', () => {
  const north = { name: 'north', clients: [range(0, 3), range(7, 2)] };
  checkMeant(north, [range(1, 2), range(8)]);
  checkMeant({ name: 'anywhere' }, [range(99)]);
  for (const [ranges, client] of [
    [[range(2, 2)], 3],
    [[range(0), range(6, 2)], 6],
    [[range(9)], 9],
  ] as const) {
    expect(() => checkMeant(north, ranges)).toThrow(
      expect.objectContaining({ code: 'join.not-meant', fields: { client, name: 'north' } }),
    );
  }
  expect(() => checkMeant(north, [range(9)])).toThrow('who may be 0-2,7-8. Join with these.');
});

describe('in a file', () => {
  async function place(text?: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-owners-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'owners.jsonl');
    if (text !== undefined) await writeFile(file, text);
    return file;
  }

  test('it holds over restarts, also where one died while it wrote', async () => {
    const file = await place();
    new IndexOwners(ownersFile(file)).claim('north', [range(0, 2)]);
    await writeFile(file, `${await readFile(file, 'utf8')}{"from":7,"cou`);
    const again = new IndexOwners(ownersFile(file));
    expect(() => again.claim('south', [range(1)])).toThrow('belongs to north');
    again.claim('south', [range(7)]);
    expect(() => new IndexOwners(ownersFile(file)).claim('north', [range(7)])).toThrow('belongs to south');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('that holds something else, or cannot be written, nobody joins', async () => {
    for (const text of ['{"from":1}\n', 'hello\n']) {
      const file = await place(text);
      expect(() => new IndexOwners(ownersFile(file))).toThrow(/Whose clients are whose is kept in .*, and cannot be/);
    }
    const owners = new IndexOwners(ownersFile(join(await place(), 'no', 'folder')));
    expect(() => owners.claim('north', [range(0)])).toThrow(expect.objectContaining({ code: 'auth.file' }));
  });
});
