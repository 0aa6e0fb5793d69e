import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../../packages/fedloom/dist/core/brands.js';
import { encodeEntry, encodeHead, readLog } from '../../../packages/fedloom/dist/journal/entries.js';
import type { JournalRecord } from '../../../packages/fedloom/dist/journal/record.js';
import { decodeRecords, recordText } from '../../../packages/fedloom/dist/journal/record-codec.js';
import { CLOUDS, type Ended, type JsonLine, Workplace } from './fedloom.js';

/** With private state at the clients and state at the server. */
const SCAFFOLD = CLOUDS.replace('defineTask,', 'defineTask, scaffold,').replace(
  '  loss: softmax',
  '  algorithm: scaffold(),\n  loss: softmax',
);

const place = () => Workplace.create({ 'task.ts': SCAFFOLD });

function linesOf(text: string): JsonLine[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JsonLine);
}

/** What of a round's event depends on the decisions alone. */
const roundsIn = (events: readonly JsonLine[]) =>
  events
    .filter(({ event }) => event === 'round')
    .map(({ round, counted, version, trainLoss, sampleCount, metrics, clientMetrics }) => {
      return { round, counted, version, trainLoss, sampleCount, metrics, clientMetrics };
    });

async function replayed(at: Workplace, args: string) {
  const { code, stdout, stderr } = await at.run(`run --replay ${args} --json`);
  const events = linesOf(stdout);
  return { code, stderr, events, folder: events[0]?.folder as string };
}

function refused({ code, stdout, stderr }: Ended, expected: number, error: string, text: RegExp): void {
  expect([code, stdout.trim().split('\n').at(-1)]).toEqual([expected, expect.stringContaining(`"code":"${error}"`)]);
  expect(stderr).toMatch(text);
}

describe('run --replay', () => {
  it('does a served run again in which a client was killed and replaced: equal, and says so', async () => {
    const at = await place();
    const server = at.start('server task.ts 5 3 8 --listen 127.0.0.1:0 --grace 0.3 --json');
    const { url } = await server.event('listening');
    const lost = at.start(`client task.ts --server ${url} --index 0`);
    const others = at.start(`client task.ts --server ${url} --index 1-4`);
    await server.event('round', ({ round }) => round === 1);
    lost.child.kill('SIGKILL');
    expect((await server.ended).code).toBe(0);
    await others.ended;
    const uncounted = server.events.flatMap(({ uncounted: some }) => (some as { client: number }[] | undefined) ?? []);
    expect(uncounted.map(({ client }) => client)).toContain(0);
    const { run, folder: recorded } = server.events[0] as JsonLine & { run: string; folder: string };
    const { code, stderr, events, folder } = await replayed(at, 'latest');
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(`Equal to ${run}, to the bit: the model, and the metrics of 8 rounds.`),
    ]);
    expect(events.at(-1)).toMatchObject({
      event: 'finished',
      replayOf: run,
      modelHash: server.events.at(-1)?.modelHash,
    });
    expect(roundsIn(events)).toEqual(roundsIn(server.events));
    const bytes = (of: string) => readFile(join(of, 'model.safetensors'));
    expect((await bytes(folder)).equals(await bytes(recorded))).toBe(true);
    expect((await at.run(`runs show ${folder}`)).stdout).toMatch(new RegExp(`^replay of +${run}$`, 'm'));

    // What it is, it does not become more of.
    refused(
      await at.run(`resume ${folder} --json`),
      1,
      'replay.not-resumed',
      new RegExp(`npx fedloom run --replay ${run}`),
    );
    refused(
      await at.run(`run --replay ${folder} --json`),
      1,
      'replay.of-replay',
      new RegExp(`Replay what it is of: .* ${run}`),
    );
  });

  it('does again as much as the journal of a killed run holds', async () => {
    const at = await place();
    const run = at.start('run task.ts 6 3 100000 --evaluate-every 2 --json');
    await run.event('round', ({ round }) => round === 6);
    run.child.kill('SIGKILL');
    await run.ended;
    const { code, stderr, events } = await replayed(at, 'latest --workers 2');
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/Equal to .* as far as its journal goes: \d+ of 100,000 rounds\./),
    ]);
    const rounds = roundsIn(run.events);
    expect(roundsIn(events).slice(0, rounds.length - 1)).toEqual(rounds.slice(0, -1));
  });

  it('fails where the model comes out otherwise, and names the round', async () => {
    const at = await place();
    const run = at.start('run task.ts 6 2 4 --json');
    await run.ended;
    const { folder } = run.events[0] as JsonLine & { folder: string };
    const log = join(folder, 'journal', 'journal.log');
    const whole = await readFile(log);
    const entries = readLog(whole).entries.map((entry) => {
      const records = decodeRecords(entry).map((record): JournalRecord => {
        if (record.kind !== 'round' || record.round !== 2) return record;
        const [first, ...others] = record.counted;
        const other = [0, 1, 2].find((client) => !record.counted.some((one) => one.client === client)) ?? -1;
        return first === undefined
          ? record
          : { ...record, counted: [{ ...first, client: clientIndex(other) }, ...others] };
      });
      return encodeEntry(new TextEncoder().encode(`[${records.map(recordText).join(',')}]`));
    });
    await writeFile(log, Buffer.concat([encodeHead(), ...entries]));
    const { code, stderr, events } = await replayed(at, folder);
    const text =
      /The replay differs from the run \S+ first in round 3: its model is sha256:\S+, in the run it was sha256:/;
    expect([code, events.at(-1)]).toEqual([
      1,
      expect.objectContaining({ event: 'error', code: 'replay.differs', message: expect.stringMatching(text) }),
    ]);
    expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/Resume it/);
    expect(roundsIn(events)).toEqual(roundsIn(run.events).slice(0, 2));
  });

  it('takes another task file by name if its plan is the same, and the model that the run began with', async () => {
    const at = await place();
    const first = at.start('run task.ts 6 3 2 --json');
    await first.ended;
    const model = `${first.events[0]?.folder}/model.safetensors`;
    const second = at.start(`run task.ts 6 3 2 --init ${model} --stage topK(fraction=0.5) --json`);
    await second.ended;
    await at.write('copy/task.ts', `${SCAFFOLD}// moved\n`);
    const { code, stderr, events } = await replayed(at, `latest copy 6 3 2 --seed 0 --stage topK(fraction=0.5)`);
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining('The task file is not the one that the run was begun with.'),
    ]);
    expect(events.at(-1)?.modelHash).toBe(second.events.at(-1)?.modelHash);

    const { run } = second.events[0] as JsonLine & { run: string };
    await at.write('task.ts', `${SCAFFOLD}// changed\n`);
    refused(
      await at.run(`run --replay ${run} --json`),
      1,
      'journal.task-changed',
      /its hash was sha256:\S+ and is now sha256:/,
    );
    await at.write('copy/task.ts', SCAFFOLD.replace('batchSize: 8', 'batchSize: 4'));
    refused(
      await at.run(`run --replay ${run} copy --json`),
      1,
      'journal.task-changed',
      /The training plan of "clouds" is not/,
    );
    await rm(join(at.path, 'runs', run, 'journal'), { recursive: true });
    refused(
      await at.run(`run --replay ${run} --json`),
      1,
      'journal.none',
      /There is no journal in .* cannot be replayed/,
    );
  });

  it('refuses by name what contradicts the run, and needs a task file where there is nothing to replay', async () => {
    const at = await place();
    await at.run('run task.ts 6 3 2 --seed 4');
    for (const [args, text] of [
      ['task.ts 5', /CLIENTS 5 contradicts the run \S+, which had 6\. Leave it out/],
      ['--clients 5', /--clients 5 contradicts/],
      ['task.ts 6 2', /PER_ROUND 2 contradicts/],
      ['--comm_round 9', /--rounds 9 contradicts the run \S+, which had 2/],
      ['--seed 5', /--seed 5 contradicts the run \S+, which had 4/],
      ['--evaluate-every 2', /--evaluate-every 2 contradicts/],
      ['--algorithm fedAvg', /--algorithm fedAvg contradicts the run \S+, which had none/],
      ['--fold median', /--fold median contradicts/],
      ['--stage topK(fraction=0.1)', /--stage topK\(fraction=0\.1\) contradicts the run \S+, which had none/],
      ['--set training.batchSize=4', /--set training\.batchSize=4 contradicts/],
      ['--init model.safetensors', /--init model\.safetensors contradicts/],
      ['--processes=2', /--processes has no meaning with --replay/],
      ['--partial-sums', /--partial-sums has no meaning with --replay/],
      ['--grace 3', /--grace has no meaning/],
    ] as const) {
      refused(await at.run(`run --replay latest ${args} --json`), 2, 'usage.replay', text);
    }
    refused(
      await at.run('run --json'),
      2,
      'usage.arguments',
      /missing required argument 'task'\. See fedloom run --help\./,
    );
    refused(await at.run('run --replay other --json'), 1, 'store.unknown-run', /No run in .* is called "other"/);
  });
});
