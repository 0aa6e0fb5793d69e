/** The client in Python (python/src/fedloom/client), written from PROTOCOL.md, against the real server. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { CLOUDS, type JsonLine, Workplace } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';
import { describePython } from './python.js';
import { PythonProcess, pythonClient } from './python-process.js';

const TASK = CLOUDS.replace('dense, ', 'dense, relu, ').replace('[dense(3)]', '[dense(8), relu(), dense(3)]');
const FROZEN = TASK.replace('dense, ', 'dense, frozen, ').replace('[dense(8)', '[frozen(dense(8))');
const VERMIN = ['-q', '-t=3.8-', '--violations', '--no-parse-comments', 'python/src'];
const LARGE = TASK.replace('[dense(8)', '[dense(4000)');
const NORMED = TASK.replace('dense, ', 'adam, batchNorm, confusionMatrix, dense, dropout, ')
  .replace('[accuracy()]', '[accuracy(), confusionMatrix()]')
  .replace('dense(8), ', 'dense(8), batchNorm(), dropout(0.3), ')
  .replace(/sgd\(\{[^}]*\}\)/, 'adam({ learningRate: 0.01 })');
const TOKENS = `
import { arrays, auc, binaryCrossEntropyWithLogits, defineTask, dense, embeddingBag, sequential, sgd, tanh } from 'fedloom';
const tokens = (count) => Int32Array.from({ length: 7 * count }, (_, i) => (i * i) % 11);
const split = (count) => ({ x: { data: tokens(count), shape: [count, 7] }, y: Array.from({ length: count }, (_, i) => i % 2) });
export default defineTask({
  name: 'tokens',
  data: arrays({ train: split(60), test: split(20), classes: 2 }),
  model: sequential([embeddingBag(11, 5, { padding: 0 }), tanh(), dense(1)]),
  loss: binaryCrossEntropyWithLogits(),
  metrics: [auc({ bins: 50 })],
  training: { localEpochs: 1, batchSize: 4, optimizer: sgd({ learningRate: 0.5 }) },
});`;
const SIZE = '--clients 4 --per-round 3 --rounds 4 --seed 11 --json';

/** What counts of a run's end. */
function outcome({ modelHash, metrics, clientMetrics }: JsonLine) {
  return { modelHash, metrics, clientMetrics };
}

/** A task with the parts of its clients, and a server at work. */
async function serve(task: string, options: string, rounds = '4') {
  const place = await Workplace.create({ 'task.ts': task });
  const parts = await place.run('partition task.ts --clients 4 --seed 11 --out parts');
  expect(parts.code, parts.stderr).toBe(0);
  const size = SIZE.replace('--rounds 4', `--rounds ${rounds}`);
  const alone = place.start(`run task.ts ${size} ${options}`);
  const server = place.start(`server task.ts ${size} --listen 127.0.0.1:0 ${options}`);
  const { url } = await server.event('listening');
  return { place, alone, server, url: String(url), parts: join(place.path, 'parts') };
}

// Several processes of Python at a time, on few cores.
vi.setConfig({ testTimeout: 240_000 });

describePython('the client in Python', () => {
  it('computes the vectors of the protocol', async () => {
    const vectors = join(root, 'tools/goldens/data/protocol');
    const { code, stdout, stderr } = await new PythonProcess(['python/tests/check_vectors.py', vectors]).ended;
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'all vectors hold\n', stderr: '' });
  });

  it('passes its own tests, python/tests', async () => {
    const discover = ['-W', 'error', '-m', 'unittest', 'discover', '-s', 'python/tests', '-t', 'python/tests'];
    const { code, stderr } = await new PythonProcess(discover).ended;
    expect(code, stderr).toBe(0);
    expect(Number(/Ran (\d+) tests/.exec(stderr)?.[1])).toBeGreaterThanOrEqual(20);
  });

  it('needs no later Python than 3.8', async () => {
    const { code, stdout } = await new PythonProcess(['-c', 'from vermin import main; main()', ...VERMIN]).ended;
    expect(code, stdout).toBe(0);
  });

  it.each([
    ['FedAvg', '', []],
    ['SCAFFOLD, over a line that breaks', '--algorithm scaffold', ['--break-after', '5']],
    ['topK and clip', '--stage topK(fraction=0.2) --stage clip(norm=0.5)', []],
    ['FedPer, over a line that breaks', '--algorithm fedPer', ['--break-after', '4']],
    ['q-FedAvg', '--algorithm qFedAvg(q=1)', []],
    ['a frozen layer, over a line that breaks', '', ['--break-after', '5'], FROZEN],
    ['bodies that travel in streams', '', ['--break-after', '5'], LARGE],
    ['tokens, and a metric of many numbers', '', [], TOKENS],
    ['batch norm, dropout and Adam, over a line that breaks', '', ['--break-after', '5'], NORMED],
    ['batch norms that stay, with dropout', '--algorithm fedBn', [], NORMED],
  ])('%s: the model and the evaluations that Node alone comes to', async (_, options, breaks, task = TASK) => {
    const { alone, server, url, parts } = await serve(task, options);
    const client = pythonClient(['--server', url, '--index', '0-3', '--data', parts, ...breaks]);
    const { code, stderr } = await client.ended;
    expect(code, stderr).toBe(0);
    expect(/Waiting for the server/.test(stderr), stderr).toBe(breaks.length > 0);
    expect(outcome(await server.event('finished'))).toEqual(outcome(await alone.event('finished')));
    expect(await readdir(parts)).not.toContain('.fedloom');
  });

  it('keeps private state over its own restart: killed at any time, the model of the run that nobody killed', async () => {
    const { place, alone, server, url, parts } = await serve(
      TASK,
      '--algorithm scaffold --stage topK(fraction=0.5)',
      '12',
    );
    const states = join(place.path, 'states');
    const args = ['--server', url, '--index', '0-3', '--data', parts, '--state-dir', states];
    for (const round of [2, 6]) {
      const client = pythonClient(args);
      await server.event('round', (event) => Number(event.round) >= round);
      client.child.kill('SIGKILL');
      await client.ended;
    }
    const { code, stderr } = await pythonClient(args).ended;
    expect(code, stderr).toBe(0);
    expect(outcome(await server.event('finished'))).toEqual(outcome(await alone.event('finished')));
  });

  it('gives its state to the client in Node, and takes it over from there', async () => {
    const { place, alone, server, url, parts } = await serve(
      TASK,
      '--algorithm scaffold --stage topK(fraction=0.5)',
      '12',
    );
    const states = join(place.path, 'states');
    const args = ['--server', url, '--index', '0-3', '--data', join(parts, 'client-{index}'), '--state-dir', states];
    const python = pythonClient(args);
    await server.event('round', (event) => Number(event.round) >= 2);
    python.child.kill('SIGKILL');
    await python.ended;
    const node = place.start(`client --server ${url} --index 0-3 --data parts --state-dir states`);
    await server.event('round', (event) => Number(event.round) >= 6);
    node.child.kill('SIGKILL');
    await node.ended;
    const { code, stderr } = await pythonClient(args).ended;
    expect(code, stderr).toBe(0);
    expect(outcome(await server.event('finished'))).toEqual(outcome(await alone.event('finished')));
  });

  it('runs no plan but the one that was pinned, and writes down what leaves', async () => {
    const { place, server, url, parts } = await serve(TASK, '', '2');
    const { hash } = await server.event('plan');
    const args = ['--server', url, '--index', '0-3', '--data', parts, '--plan-hash'];
    const refused = await pythonClient([...args, `sha256:${'0'.repeat(64)}`]).ended;
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`The run has the plan ${hash}; `)]);
    expect(refused.stderr).toContain('[client.plan-pinned]');
    const log = join(place.path, 'left.jsonl');
    const { code, stderr } = await pythonClient([...args, String(hash), '--outbound-log', log]).ended;
    expect(code, stderr).toBe(0);
    expect((await stat(log)).mode & 0o777).toBe(0o600);
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    const updates = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'update');
    // Of three clients in each of two rounds.
    expect(updates).toHaveLength(6);
    for (const { body } of updates) {
      expect(body).toEqual({ bytes: expect.any(Number), hash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    }
  });

  it('leaves at Ctrl-C, and says so with its exit code', async () => {
    const { url, parts } = await serve(TASK, '', '100000');
    const client = pythonClient(['--server', url, '--index', '0-3', '--data', parts]);
    await client.says('Joined run');
    client.child.kill('SIGINT');
    const { code, stderr } = await client.ended;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringMatching(/^Joined run \S+ as clients 0-3\.\nLeaving the federation\.\n$/),
    });
  });

  it.each([
    [
      'no server',
      ['--server', 'ws://127.0.0.1:9', '--index', '0', '--data', '.', '--retry-for', '0'],
      1,
      /No server at ws:\/\/127\.0\.0\.1:9 after 0 s\..*\[client\.no-server\]/,
    ],
    ['no data', ['--server', 'ws://127.0.0.1:9', '--index', '0'], 2, /--data DIR is needed/],
    ['an address of another kind', ['--server', 'http://127.0.0.1', '--index', '0'], 2, /ws:\/\/HOST:PORT/],
    [
      'a device of another kind',
      ['--server', 'ws://127.0.0.1:9', '--index', '0', '--device', 'gpu'],
      2,
      /'gpu' is no device/,
    ],
    ['clients twice', ['--server', 'ws://127.0.0.1:9', '--index', '0-4,3'], 2, /'0-4,3' names client 3 twice/],
  ])('refuses %s', async (_, args, expected, said) => {
    const { code, stderr } = await pythonClient(args).ended;
    expect(code, stderr).toBe(expected);
    expect(stderr).toMatch(said);
  });

  it('says what is missing for a GPU', async () => {
    const { url, parts } = await serve(TASK, '');
    const args = ['--server', url, '--index', '0-3', '--data', parts, '--device', 'cuda'];
    const { code, stderr } = await pythonClient(args).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/knows no CUDA: .* pip install onnxruntime-gpu\. \[client\.device\]\n$/);
  });

  it.each(['websockets', 'onnxruntime'])('says how to install %s where it is missing', async (missing) => {
    const script = `import sys; sys.modules['${missing}'] = None; from fedloom.client.command import main; sys.exit(main())`;
    const args = ['--server', 'ws://127.0.0.1:9', '--index', '0', '--data', '.'];
    const { code, stderr } = await new PythonProcess(['-c', script, ...args]).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`needs ${missing} .*pip install '\\./python\\[client\\]' .*\\[client\\.package\\]\n$`),
    );
  });

  it('refuses the part of another client', async () => {
    const { url, parts } = await serve(TASK, '');
    await writeFile(join(parts, 'client-2/part.json'), await readFile(join(parts, 'client-1/part.json')));
    const { code, stderr } = await pythonClient(['--server', url, '--index', '0-3', '--data', parts]).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /client-2 is that of client 1, as its part\.json says, and not of client 2\. \[part\.index\]\n$/,
    );
  });

  it('names the part that does not fit the plan, and tells the server', async () => {
    const { server, url, parts } = await serve(TASK, '--wait-for-clients 60');
    await writeFile(join(parts, 'client-2/part.json'), '{ "format": 1 }');
    const { code, stderr } = await pythonClient(['--server', url, '--index', '0-3', '--data', parts]).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: \S*client-2\/part\.json is not a part's description: .* \[part\.json\]\n$/);
    server.child.kill('SIGINT');
    expect((await server.ended).code).toBe(130);
  });
});
