import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, joinFederation, type RoundRecord, type RunOptions, simulate } from 'fedloom';
import { describe, expect, it } from 'vitest';
import { addingTask } from './adding-task.js';
import { watchedLine } from './cut-lines.js';

const DEADLINE_MS = 20_000;
/** Well below the deadline, however slow the machine. */
const SOON_MS = 8_000;
const size = { clients: 4, clientsPerRound: 2, rounds: 3, seed: 5, evaluateEvery: 0, deadlineMs: DEADLINE_MS };

/** Serves with one client process for each client; client `leaver` goes away for good when it trains in round `at`. */
async function runWithLeaver(options: RunOptions, leaver: number, at: number) {
  const gone = new AbortController();
  const task = addingTask(async (index, round) => {
    if (index !== leaver || round !== at) return;
    gone.abort();
    await sleep(50);
  });
  const server = await createServer(task, options);
  const warnings: string[] = [];
  const records: RoundRecord[] = [];
  server.run.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));
  server.run.on('round', (record) => records.push(record));
  const joined = Array.from({ length: options.clients }, (_, index) =>
    joinFederation(server.url, {
      clients: [{ from: index, count: 1 }],
      task,
      workers: 1,
      ...(index === leaver && { signal: gone.signal }),
    }),
  );
  const result = await server.result;
  await Promise.all(joined);
  return { result, warnings, records };
}

/** Who trains in round 1 of a run in which nobody leaves. */
async function cohortOf(round: number): Promise<readonly number[]> {
  const records: RoundRecord[] = [];
  for await (const record of simulate(addingTask(), { ...size, workers: 1 })) records.push(record);
  return records[round]?.cohort ?? [];
}

describe('a client that has left for good', () => {
  it('is replaced by a present spare when its grace is over, not at the deadline; record and log say so', async () => {
    const cohort = await cohortOf(1);
    const leaver = cohort[0] ?? -1;
    const { records, warnings } = await runWithLeaver({ ...size, graceMs: 300 }, leaver, 1);
    const [before, struck, after] = records;
    const by = struck?.replaced[0]?.by ?? -1;
    expect(cohort).not.toContain(by);
    expect(struck).toMatchObject({
      awaited: [leaver],
      replaced: [{ client: leaver, by, reason: 'the client was away for longer than the grace of 300 ms' }],
      uncounted: [{ client: leaver, code: 'client.away' }],
      counted: [by, cohort[1] ?? -1].sort((a, b) => a - b),
    });
    expect(struck?.ms.total).toBeGreaterThanOrEqual(300);
    expect(struck?.ms.total).toBeLessThan(SOON_MS);
    expect(before).toMatchObject({ awaited: [], replaced: [], uncounted: [] });
    // In further rounds its grace is over from the start.
    expect(after?.ms.total).toBeLessThan(SOON_MS);
    expect(warnings.filter((warning) => warning.startsWith('client.replaced'))[0]).toBe(
      `client.replaced: Round 2: client ${by} replaces client ${leaver}: the client was away for longer than the grace of 300 ms.`,
    );
  });

  it('costs no deadline either where nobody can take its place: the round closes with its quorum', async () => {
    const pair = { ...size, clients: 2, clientsPerRound: 2, graceMs: 300, rounds: 2 };
    const { records, warnings } = await runWithLeaver(pair, 1, 0);
    expect(records.map(({ counted, awaited, uncounted }) => ({ counted, awaited, uncounted }))).toEqual(
      Array.from({ length: 2 }, () => ({
        counted: [0],
        awaited: [1],
        uncounted: [{ client: 1, code: 'client.away' }],
      })),
    );
    for (const { ms } of records) expect(ms.total).toBeLessThan(SOON_MS);
    expect(warnings.join('\n')).toContain('Round 1 closes with 1 of 2 updates; missing: client 1');
  });
});

describe('a client that comes back', () => {
  it('within the grace changes nothing: same model, nobody replaced, and the record says who was away', async () => {
    const undisturbed = simulate(addingTask(), { ...size, workers: 1 });
    const leaver = (await cohortOf(1))[0] ?? -1;
    let cutAll = () => {};
    const task = addingTask(async (index, round) => {
      if (index !== leaver || round !== 1) return;
      cutAll();
      await sleep(50);
    });
    const server = await createServer(task, { ...size, graceMs: 10_000 });
    const line = await watchedLine(server.url, () => 'pass');
    cutAll = line.cutAll;
    const records: RoundRecord[] = [];
    server.run.on('round', (record) => records.push(record));
    const joined = Array.from({ length: size.clients }, (_, index) =>
      joinFederation(index === leaver ? line.url : server.url, { clients: [{ from: index, count: 1 }], task }),
    );
    const result = await server.result;
    await Promise.all(joined);
    line.close();
    expect(line.cuts).toBe(1);
    expect(result.modelHash).toBe((await undisturbed.result).modelHash);
    expect(records.map(({ awaited, replaced }) => [awaited, replaced])).toEqual([
      [[], []],
      [[leaver], []],
      [[], []],
    ]);
  });
});

describe('a run that waits for its first clients', () => {
  it('ends with a reason when its time is up: who never came, and who came and left', async () => {
    const server = await createServer(addingTask(), { ...size, clients: 3, waitForClientsMs: 1_000 });
    const gone = new AbortController();
    const staying = joinFederation(server.url, { clients: [{ from: 0, count: 1 }], task: addingTask() });
    const leaving = joinFederation(server.url, {
      clients: [{ from: 2, count: 1 }],
      task: addingTask(),
      signal: gone.signal,
    });
    server.run.on('clientsJoined', ({ present }) => {
      if (present === 2) gone.abort();
    });
    await expect(server.result).rejects.toMatchObject({
      code: 'run.clients-missing',
      message:
        'The run did not start: after 1 s 1 of 3 clients is there; client 1 has never joined; client 2 left up to 1 s ago. ' +
        'Start the missing clients, wait for longer (waitForClientsMs), or start with fewer (minimumClients).',
    });
    expect((await staying)?.reason).toBe('failed');
    await leaving;
  });
});
