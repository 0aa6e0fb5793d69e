import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type JsonLine, Workplace } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';
import { describePython, PYTHON } from './python.js';

const EXAMPLES = join(root, 'examples');
const task = (example: string) => join(EXAMPLES, example, 'task.ts');

interface Finished extends JsonLine {
  readonly metrics: Readonly<Record<string, number>>;
  readonly clientMetrics: Readonly<Record<string, number>>;
  readonly modelHash: string;
}

async function run(args: string): Promise<Finished> {
  const place = await Workplace.create();
  const command = place.start(`run ${args} --json`);
  const { code, stderr } = await command.ended;
  expect(code, stderr).toBe(0);
  return command.events.at(-1) as Finished;
}

/** What a program says that ends well. */
async function program(path: string): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'node_modules/jiti/lib/jiti-cli.mjs'), join(EXAMPLES, path)]);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  expect(await new Promise((resolve) => child.once('close', resolve)), said).toBe(0);
  return said;
}

describe('examples', () => {
  it('01: the 2NN on all of MNIST reaches 95 % within 30 rounds, and is the same model as separate processes', async () => {
    const finished = await run(`${task('01-mnist')} 100 10 30 --evaluate-every 10`);
    expect(finished.metrics.accuracy).toBeGreaterThan(0.95);
    // All the clients' test images together are the server's.
    expect(finished.clientMetrics.accuracy).toBeCloseTo(finished.metrics.accuracy as number, 6);
    const size = '100 10 2 --evaluate-every 0';
    const [simulated, processes] = [
      await run(`${task('01-mnist')} ${size}`),
      await run(`${task('01-mnist')} ${size} --processes=2`),
    ];
    expect(processes.modelHash).toBe(simulated.modelHash);
    expect(processes.metrics).toEqual(simulated.metrics);
    expect(processes.clientMetrics).toEqual(simulated.clientMetrics);
  }, 180_000);

  it("02: a trainer of one's own finds the weights; its aggregator tells the worst client", async () => {
    const finished = await run(`${task('02-own-trainer')} 10 5 50`);
    expect(finished.metrics.meanSquaredError).toBeLessThan(1e-6);
    expect(finished.clientMetrics.meanSquaredError).toBeLessThan(1e-6);
    const processes = await run(`${task('02-own-trainer')} 10 5 50 --processes=2`);
    expect(processes.modelHash).toBe(finished.modelHash);
  });

  it("03: an algorithm of one's own learns from clients that know two digits each", async () => {
    const finished = await run(`${task('03-own-algorithm')} 20 5 10`);
    expect(finished.metrics.accuracy).toBeGreaterThan(0.6);
    const other = await run(`${task('03-own-algorithm')} 20 5 10 --set algorithm.beta=0`);
    expect(other.modelHash).not.toBe(finished.modelHash);
    expect(await program('03-own-algorithm/conformance.ts')).toMatch(/# pass 11\n# fail 0\n/);
  });

  it('04: the library does without the command', async () => {
    expect(await program('04-library/main.ts')).toMatch(/the same model, to the bit\n$/);
  });

  it("05: a transport of one's own does what every transport must, and carries a federation", async () => {
    expect(await program('05-own-transport/conformance.ts')).toMatch(/# pass 14\n# fail 0\n/);
    expect(await program('05-own-transport/main.ts')).toMatch(
      /^server at unix:.*\.sock\n.*the same model, to the bit\n$/s,
    );
  });

  it("06: messages of one's own are sent and answered beside the run's", async () => {
    const said = await program('06-own-messages/main.ts');
    expect(said.split('\n').sort()).toEqual([
      '',
      'client 0 at 80 % is told: carry on',
      'client 1 at 12 % is told: plug in',
      'completed after 5 rounds',
    ]);
  });

  it('there are no others', () => {
    const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name)).toEqual([
      '01-mnist',
      '02-own-trainer',
      '03-own-algorithm',
      '04-library',
      '05-own-transport',
      '06-own-messages',
      // With PyTorch, below.
      '07-pytorch-trainer',
      // In a browser: tests/src/browser/example.test.ts.
      'browser-digits',
    ]);
  });
});

describePython('examples in Python', () => {
  it('07: a PyTorch trainer as it stands learns from real MNIST', async () => {
    const place = await Workplace.create();
    const parts = await place.run(`partition ${task('01-mnist')} --clients 100 --format npz --out parts`);
    expect(parts.code, parts.stderr).toBe(0);
    const { code, stdout, stderr } = await place.run(`run ${task('07-pytorch-trainer')} 10 5 3 --json`, {
      FEDLOOM_PYTHON: PYTHON,
    });
    expect(code, stderr).toBe(0);
    const finished = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as Finished;
    // Its own result aggregator said so.
    expect(finished.clientMetrics.accuracy).toBeGreaterThan(0.85);
  }, 180_000);
});
