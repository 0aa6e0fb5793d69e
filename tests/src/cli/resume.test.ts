import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLOUDS, type Ended, type Fedloom, type JsonLine, Workplace } from './fedloom.js';

/** With private state at the clients and state at the server. */
const SCAFFOLD = CLOUDS.replace('defineTask,', 'defineTask, scaffold,').replace(
  '  loss: softmax',
  '  algorithm: scaffold(),\n  loss: softmax',
);
const SIZE = '6 3 12 --evaluate-every 2';

/** How a run came out: its hash, and its rounds but for how long they took. */
interface Outcome {
  readonly modelHash: unknown;
  readonly rounds: readonly object[];
}

async function outcomeOf(events: readonly JsonLine[]): Promise<Outcome> {
  const folder = events.find(({ event }) => event === 'started')?.folder as string;
  const last = events.at(-1);
  expect(last).toMatchObject({ event: 'finished' });
  expect(JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'))).toMatchObject({
    status: 'completed',
    result: { rounds: 12, modelHash: last?.modelHash },
    modelHash: last?.modelHash,
  });
  const clients = linesOf(await readFile(join(folder, 'clients.jsonl'), 'utf8')) as { round: number; client: number }[];
  expect(new Set(clients.map(({ round, client }) => `${round} ${client}`)).size).toBe(clients.length);
  return {
    modelHash: last?.modelHash,
    rounds: linesOf(await readFile(join(folder, 'metrics.jsonl'), 'utf8')).map(told),
  };
}

/** What stays of a record: how long it took, and what travelled for it, is another matter. */
function told(record: object): object {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !['ms', 'bytesUp', 'bytesDown'].includes(name)));
}

function linesOf(text: string): object[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as object);
}

async function killedAt(command: Fedloom, round: number, server = command): Promise<void> {
  await server.event('round', (event) => event.round === round);
  command.child.kill('SIGKILL');
  expect((await command.ended).signal).toBe('SIGKILL');
}

async function completed(command: Fedloom): Promise<Outcome> {
  const { code, stderr } = await command.ended;
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return outcomeOf(command.events);
}

const place = () => Workplace.create({ 'task.ts': SCAFFOLD });

/** The run that nobody kills. */
let whole: Outcome;
beforeAll(async () => {
  whole = await completed((await place()).start(`run task.ts ${SIZE} --json`));
  expect(whole.rounds).toHaveLength(12);
});

function refused({ code, stdout, stderr }: Ended, error: string, text: RegExp): void {
  expect([code, stdout.trim().split('\n').at(-1)]).toEqual([1, expect.stringContaining(`"code":"${error}"`)]);
  expect(stderr).toMatch(text);
}

describe('a run that was killed', () => {
  it('twice goes on to the result of one that was not', async () => {
    const at = await place();
    await killedAt(at.start(`run task.ts ${SIZE} --json`), 3);
    await killedAt(at.start('resume latest --json'), 8);
    const last = at.start('resume latest --json');
    expect(await completed(last)).toEqual(whole);
    expect(last.events[0]).toMatchObject({ event: 'started', roundsBefore: expect.any(Number) });
    expect(last.events[0]?.roundsBefore).toBeGreaterThanOrEqual(8);
    expect((await at.run('runs show latest')).stdout).toMatch(/^resumed +2 times, last /m);
  });

  it('as a server goes on with the same clients, which come back by themselves', async () => {
    const at = await place();
    const serve = `server task.ts ${SIZE} --listen 127.0.0.1:0 --json --resume`;
    const server = at.start(serve);
    const { url } = await server.event('listening');
    const clients = ['0-2', '3-5'].map((index) => at.start(`client task.ts --server ${url} --index ${index}`));
    await killedAt(server, 2);
    await killedAt(at.start(serve), 6);
    const last = at.start('resume latest --json');
    expect(await completed(last)).toEqual(whole);
    expect(last.events).toContainEqual({ event: 'listening', url });
    for (const client of clients) expect((await client.ended).code).toBe(0);
    // It is finished: another one begins.
    const next = at.start(serve);
    expect(await next.event('started')).not.toHaveProperty('roundsBefore');
  });

  it('as client processes goes on where the clients were, with what they keep to themselves', async () => {
    const at = await place();
    await killedAt(at.start(`run task.ts ${SIZE} --processes=2 --json`), 5);
    expect(await completed(at.start('resume latest --json'))).toEqual(whole);
  });

  it('after its last round has its folder made whole, and is not resumed again', async () => {
    const at = await place();
    const run = at.start(`run task.ts ${SIZE} --json`);
    await run.ended;
    const { folder } = await run.event('started');
    const path = join(folder as string, 'run.json');
    const file = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...file, status: 'running', result: null, process: { pid: 2 ** 30 } }));
    await writeFile(join(folder as string, 'metrics.jsonl'), '{"round":0}\n{"rou');
    await writeFile(join(folder as string, 'model.safetensors'), 'older');
    expect(await completed(at.start('resume latest --json'))).toEqual(whole);
    refused(
      await at.run('resume latest --json'),
      'journal.finished',
      /has finished all of its 12 rounds: there is nothing to resume/,
    );
  });
});

describe('a server that was killed after its last round', () => {
  it('tells its clients what they have not heard, when it is resumed, and ends as it would have', async () => {
    const at = await place();
    const serve = `server task.ts ${SIZE} --listen 127.0.0.1:0 --json`;
    const server = at.start(serve);
    const { url } = await server.event('listening');
    const client = () => at.start(`client task.ts --server ${url} --index 0-5 --state-dir states`);
    const first = client();
    expect(await completed(server)).toEqual(whole);
    expect((await first.ended).code).toBe(0);
    const { folder } = await server.event('started');
    const path = join(folder as string, 'run.json');
    const file = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...file, status: 'running', result: null, process: { pid: 2 ** 30 } }));
    // It waits for the server.
    const waiting = client();
    const resumed = at.start(`${serve} --resume`);
    expect(await completed(resumed)).toEqual(whole);
    expect(resumed.events[0]).toMatchObject({ event: 'started', roundsBefore: 12 });
    const { code, stderr, stdout } = await waiting.ended;
    expect([code, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining('The run is complete.')]);
  });
});

describe('a client that was killed', () => {
  it('and is started again with its private state, is as if it had not been', async () => {
    const at = await place();
    const server = at.start(`server task.ts ${SIZE} --listen 127.0.0.1:0 --json --deadline none`);
    const { url } = await server.event('listening');
    const client = () => at.start(`client task.ts --server ${url} --index 0-5 --state-dir states`);
    for (const round of [2, 5]) await killedAt(client(), round, server);
    const last = client();
    const { modelHash, rounds } = await completed(server);
    expect(modelHash).toBe(whole.modelHash);
    // Who was away when the others evaluated has no part in their results, and who was waited for is on record.
    const trained = (round: object) => ({ ...round, awaited: 0, clientMetrics: 0, testSampleCount: 0, evaluation: 0 });
    expect(rounds.map(trained)).toEqual(whole.rounds.map(trained));
    expect((await last.ended).code).toBe(0);
  });
});

describe('a run that was ended by Ctrl-C', () => {
  it('says how to go on, and does', async () => {
    const at = await place();
    const run = at.start(`run task.ts ${SIZE} --json`);
    await run.event('round', ({ round }) => round === 4);
    run.child.kill('SIGINT');
    const { code, stderr } = await run.ended;
    expect(code).toBe(130);
    const [, said = ''] = /^Resume it: npx fedloom (resume \S+)$/m.exec(stderr) ?? [];
    expect(await completed(at.start(`${said} --json`))).toEqual(whole);
  });
});

describe('a run is not resumed', () => {
  it('that nobody knows', async () => {
    const at = await Workplace.create();
    refused(await at.run('resume other --json'), 'store.unknown-run', /There are no runs in/);
  });

  it('that still runs, that is of another version, whose task changed, whose journal is damaged', async () => {
    const at = await place();
    const run = at.start('run task.ts 6 3 1000000 --json');
    const { folder } = (await run.event('started')) as { folder: string } & JsonLine;
    await run.event('round', ({ round }) => round === 3);
    const resume = () => at.run('resume latest --json');
    refused(await resume(), 'journal.locked', new RegExp(`process ${run.child.pid} on .* has held it since`));
    run.child.kill('SIGINT');
    await run.ended;
    const before = await readFile(join(folder, 'run.json'), 'utf8');

    const with_ = async (name: string, change: (bytes: Buffer) => string | Buffer, check: () => Promise<void>) => {
      const path = join(folder, name);
      const bytes = await readFile(path);
      await writeFile(path, change(bytes));
      await check();
      await writeFile(path, bytes);
    };
    const json = (change: object) => (bytes: Buffer) => JSON.stringify({ ...JSON.parse(bytes.toString()), ...change });
    await with_('run.json', json({ versions: { fedloom: '0.0.9' } }), async () =>
      refused(await resume(), 'journal.version', /begun by fedloom\/0\.0\.9, and this is fedloom\/\d/),
    );
    await with_('run.json', json({ format: 2 }), async () =>
      refused(
        await at.run(`resume ${folder} --json`),
        'store.version',
        /has format 2, and this fedloom .* reads format 1/,
      ),
    );
    await with_('run.json', json({ taskHash: undefined }), async () =>
      refused(await resume(), 'journal.none', /it kept none/),
    );
    const flip = (bytes: Buffer) => {
      const changed = Buffer.from(bytes);
      changed[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      return changed;
    };
    await with_('journal/journal.log', flip, async () =>
      refused(
        await resume(),
        'journal.corrupt',
        /entry \d+ of journal\.log, at byte \d+, is not what was written\..* newest model that is whole is version \d+/,
      ),
    );
    await at.write('task.ts', `${SCAFFOLD}// changed\n`);
    refused(
      await resume(),
      'journal.task-changed',
      /its hash was sha256:[0-9a-f]{64} and is now sha256:[0-9a-f]{64} \(task\.ts changed\)\./,
    );
    expect(await readFile(join(folder, 'run.json'), 'utf8')).toBe(before);
  });

  it('whose task imports a file that changed: it says which', async () => {
    const files = { 'task.ts': `import './parts/helper';\n${SCAFFOLD}`, 'parts/helper.ts': 'export {};\n' };
    const at = await Workplace.create(files);
    const run = at.start('run task.ts 6 3 1000000 --json');
    await run.event('round', ({ round }) => round === 1);
    run.child.kill('SIGINT');
    await run.ended;
    await at.write('parts/helper.ts', 'export const changed = true;\n');
    refused(await at.run('resume latest --json'), 'journal.task-changed', /\(parts\/helper\.ts changed\)\. Undo/);
  });
});
