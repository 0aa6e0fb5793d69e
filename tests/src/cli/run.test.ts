import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, type Ended, type JsonLine, Workplace } from './fedloom.js';

const events = ({ stdout }: Ended) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonLine);
const lines = async (path: string) =>
  (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('fedloom run --json', () => {
  it('prints one event a line, the last the result, and leaves a run folder that agrees with them', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const ended = await place.run('run task.ts 8 3 4 --json --seed 5');
    expect(ended.code).toBe(0);
    const told = events(ended);
    expect(told.map(({ event }) => event)).toEqual(['started', 'round', 'round', 'round', 'round', 'finished']);
    const finished = told.at(-1) as JsonLine & { metrics: Record<string, number>; model: string };
    expect(Object.keys(finished)).toEqual([
      'event',
      'rounds',
      'metrics',
      'clientMetrics',
      'losses',
      'model',
      'modelHash',
    ]);
    expect(finished.rounds).toBe(4);
    expect(finished.losses).toEqual({ rounds: 0, partialRounds: 0, updates: 0, clients: 0 });
    expect(finished.metrics.accuracy).toBeGreaterThan(0.6);
    const bytes = await readFile(finished.model);
    expect(finished.modelHash).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

    const folder = told[0]?.folder as string;
    expect(finished.model).toBe(join(folder, 'model.safetensors'));
    const run = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
    expect(run).toMatchObject({
      status: 'completed',
      seed: 5,
      arguments: { command: 'run', clients: 8, clientsPerRound: 3, rounds: 4 },
      task: { name: 'clouds', algorithm: { name: 'fedAvg' } },
      result: { rounds: 4, metrics: finished.metrics, modelHash: finished.modelHash },
    });
    const { event: _event, ...round } = told[2] as JsonLine;
    expect((await lines(join(folder, 'metrics.jsonl')))[1]).toEqual(round);
    const clients = await lines(join(folder, 'clients.jsonl'));
    expect(clients).toHaveLength(12);
    expect(
      clients
        .filter((client) => client.round === 1)
        .map((client) => client.client)
        .sort(),
    ).toEqual(round.counted);
  });

  it('keeps stdout for events also when the task itself logs', async () => {
    const place = await Workplace.create({ 'task.ts': `console.log('loading');\n${CLOUDS}` });
    const ended = await place.run('run task.ts 4 2 1 --json');
    expect(events(ended).at(-1)?.event).toBe('finished');
    expect(ended.stderr).toContain('loading');
  });

  it("takes FedML's names, and numbers at their places, by options and by default alike", async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const fedml = '--client_num_in_total 8 --client_num_per_round=3 --comm_round 2 --frequency_of_the_test=2';
    const runs = await Promise.all(
      ['8 3 2 --evaluate-every 2', '--clients 8 --per-round 3 --rounds=2 --evaluate-every=2', fedml].map((args) =>
        place.run(`run task.ts ${args} --json`),
      ),
    );
    const hashes = runs.map((ended) => events(ended).at(-1)?.modelHash);
    expect(new Set(hashes).size).toBe(1);
    expect(hashes[0]).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('goes on from a model, and with other settings', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const first = events(await place.run('run task.ts 4 2 3 --json')).at(-1) as JsonLine & {
      metrics: { loss: number };
    };
    const again = events(await place.run(`run task.ts 4 2 1 --json --init ${first.model}`));
    // The first round begins where the other run ended.
    expect((again[1] as { trainLoss?: unknown }).trainLoss).toBeLessThan(1.2 * first.metrics.loss);
    const still = await place.run(
      `run task.ts 4 2 1 --json --init ${first.model} --set training.optimizer.learningRate=1e-30 --set training.batchSize=100`,
    );
    expect(events(still).at(-1)?.modelHash).toBe(first.modelHash);
    expect((events(still)[0] as { task?: unknown }).task).toMatchObject({ training: { batchSize: 100 } });
  });
});

describe('fedloom run for people', () => {
  it('prints plain lines where there is no terminal: head, rounds, curve, result', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const { stdout, stderr, code } = await place.run('run task.ts --rounds 4');
    expect(code).toBe(0);
    expect(stderr).toBe('');
    const text = stdout.split('\n');
    expect(text[0]).toBe('clouds · fedAvg · 100 clients, 10 a round · 4 rounds · seed 0');
    expect(text[1]).toBe('By default: 100 clients, 10 a round.');
    expect(stdout).toMatch(/^round 1\/4 · 10 of 10 clients · train loss \d\.\d+ · accuracy \d+\.\d\d % · /m);
    expect(stdout).toMatch(/^round 4\/4 /m);
    expect(stdout).toContain('┤');
    expect(stdout).toMatch(/^Finished 4 rounds in /m);
    expect(stdout).toMatch(/^model {7}runs\/.*model\.safetensors$/m);
    expect(stdout).toMatch(/sha256:[0-9a-f]{64}$/m);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins colours
    expect(stdout).not.toMatch(/\u001b/);
  });

  it('runs are listed and shown, and their models evaluate to what the run told', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    expect((await place.run('runs list')).stdout).toBe('No runs in runs yet.\n');
    await place.run('run task.ts 6 3 2');
    const list = (await place.run('runs list')).stdout;
    const [, id, accuracy] = /^(\S+-clouds-\w{4}) +completed +2\/2 +accuracy (\S+) %/m.exec(list) ?? [];
    const shown = (await place.run(`runs show ${id?.slice(-4)}`)).stdout;
    expect(shown).toContain(`${id}\nstatus      completed\n`);
    expect(shown).toMatch(/^ {4}2 +\d\.\d{4} +\S+ % +\d\.\d{4} +3\/3 +300 /m);
    const evaluated = await place.run(`evaluate task.ts --model runs/${id}/model.safetensors`);
    expect(evaluated.stdout).toContain(`accuracy    ${accuracy} %\n`);
    const json = await place.run('runs show latest --json');
    expect(events(json).map(({ event }) => event)).toEqual(['run', 'round', 'round']);
  });
});
