/** FineFL's programs on fedloom: fedloom.compat, with real PyTorch on the real MNIST, and each override that it documents. */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { Workplace } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';
import { describePython, PYTHON } from './python.js';
import { type PythonEnded, PythonProcess } from './python-process.js';

const PROGRAMS = join(root, 'python/tests/finefl');
const COMMAND = join(root, 'node_modules/.bin/fedloom');
const hasMpi = spawnSync('mpirun', ['--version']).status === 0;
const needed = process.env.CI === 'true';

/** The first samples of two clients' parts, as a program of FineFL finds its data. */
const CUT = `
import sys
import numpy as np
from safetensors.numpy import load_file
for index, count in ((0, 40), (1, 60)):
    for split, most in (("train", count), ("test", 50)):
        part = load_file("parts/client-%d/%s.safetensors" % (index, split))
        np.savez("client_%d_%s.npz" % (index + 1, split), x=part["x"][:most], y=part["y"][:most])
`;

async function mnist(): Promise<Workplace> {
  const place = await Workplace.create();
  const parts = await place.run(`partition ${join(root, 'examples/01-mnist/task.ts')} --clients 2 --out parts`);
  expect(parts.code, parts.stderr).toBe(0);
  const cut = await new PythonProcess(['-c', CUT], { cwd: place.path }).ended;
  expect(cut.code, cut.stderr).toBe(0);
  return place;
}

const ENV = { FEDLOOM_COMMAND: COMMAND, OMP_NUM_THREADS: '1', PYTHONUNBUFFERED: '1' };
let nextPort = 20_000 + (process.pid % 20_000);

/** A server whose rank 0 is gone notices, and lets go of the run. */
async function serverGone({ path }: Workplace): Promise<void> {
  const [run = ''] = readdirSync(join(path, 'runs'));
  const { pid } = JSON.parse(readFileSync(join(path, 'runs', run, 'run.json'), 'utf8')).process;
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), 20_000);
}

/** One process for each rank, as somebody starts them by hand. */
function ranks(place: Workplace, args: readonly string[], size = 3): Promise<readonly PythonEnded[]> {
  nextPort += 1;
  const meeting = { FEDLOOM_SIZE: String(size), FEDLOOM_SERVER: `ws://127.0.0.1:${nextPort}` };
  const started = Array.from({ length: size }, (_, rank) => {
    const env = { ...ENV, ...meeting, FEDLOOM_RANK: String(rank) };
    return new PythonProcess(args, { cwd: place.path, env }).ended;
  });
  return Promise.all(started);
}

async function mpirun(place: Workplace, args: readonly string[]): Promise<PythonEnded> {
  const mpi = ['--allow-run-as-root', '--oversubscribe', '-np', '3'];
  const env = { ...process.env, ...ENV, PYTHONPATH: join(root, 'python/src') };
  const child = spawn('mpirun', [...mpi, PYTHON, ...args], { cwd: place.path, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  }
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, ...said })));
}

const hashIn = ({ stderr }: PythonEnded) => /sha256:[0-9a-f]{64}/.exec(stderr)?.[0];
const PROGRAM = [join(PROGRAMS, 'main_fedavg.py'), '--comm_round', '2', '--data_path', '.'];

// Several processes of Python at a time, on few cores.
vi.setConfig({ testTimeout: 240_000 });

describePython('fedloom.compat', () => {
  it("runs a program of FineFL's, process by process and under mpirun, to the same model", async () => {
    const place = await mnist();
    const ended = await ranks(place, PROGRAM);
    for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
    const [server] = ended;
    expect(server?.stdout).toMatch(/^the server's trainer holds the last model: \d+\.\d+\n$/);
    expect(server?.stderr).toMatch(/accuracy +\d+\.\d+ %/);
    expect(hashIn(server as PythonEnded)).toBeDefined();
    if (!hasMpi) {
      expect(needed, 'mpirun is missing: apt-get install openmpi-bin').toBe(false);
      return;
    }
    const together = await mpirun(place, PROGRAM);
    expect(together.code, together.stderr).toBe(0);
    expect(hashIn(together)).toBe(hashIn(server as PythonEnded));
  });

  it('runs an aggregate of its own: the model is what it returned', async () => {
    const place = await mnist();
    const ended = await ranks(place, [join(PROGRAMS, 'own_aggregate.py'), '--comm_round', '2', '--data_path', '.']);
    for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
    expect(ended[0]?.stdout).toBe('aggregated [0, 1]\naggregated [0, 1]\n');
  });

  const small = async (name: string, size = 3) => {
    const place = await Workplace.create();
    return { place, ended: await ranks(place, [join(PROGRAMS, 'small.py'), name], size) };
  };

  // By hand: client 0 adds 1 and weighs 1, client 1 adds 2 and weighs 2, so that a round adds 5/3.
  it.each([
    ['nothing', 2 * (5 / 3), 2, 0, '\n'],
    ['adding', 10, 6, 0, '\n'],
    ['listening', 2 * (5 / 3), 2, 4, '\n'],
    ['halving', (5 / 3) * 0.75, 2, 0, 'init sync\n'],
  ])('honours what it may: %s', async (name, value, count, seen, calls) => {
    const { ended } = await small(name);
    for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
    const [server, ...clients] = ended;
    const said = /^\[(.*)\] (\d+) (\d+)\n$/.exec(server?.stdout ?? '');
    expect(said?.[1]?.split(', ').map(Number)).toEqual(Array(3).fill(expect.closeTo(value, 5)));
    expect([Number(said?.[2]), Number(said?.[3])]).toEqual([count, seen]);
    expect(clients.map(({ stdout }) => stdout)).toEqual([calls, calls]);
    if (name === 'adding') expect(server?.stderr).toMatch(/clients +2/);
  });

  it.each([
    [
      'sampling',
      /Sampling overrides FedAVGAggregator\.client_sampling, which cannot have an effect: .* samples the clients/,
    ],
    ['hurrying', /Hurrying overrides FedAVGAggregator\.check_whether_all_receive, which cannot have an effect/],
    ['sending', /Sending overrides FedAVGServerManager\.send_message_init_config, which cannot have an effect/],
  ])('refuses by name, before anything starts, what could have no effect: %s', async (name, said) => {
    const place = await Workplace.create();
    const env = { ...ENV, FEDLOOM_SIZE: '3', FEDLOOM_RANK: '0' };
    const { code, stderr } = await new PythonProcess([join(PROGRAMS, 'small.py'), name], { cwd: place.path, env })
      .ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(said);
  });

  it('says what a client did not send, and goes on without it', async () => {
    const { ended } = await small('silent');
    for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
    expect(ended[0]?.stdout).toBe('[2.0, 2.0, 2.0] 2 0\n');
    expect(ended[2]?.stderr).toContain(
      'client 1 failed: The handler of messages of type 1 sent nothing to the server.',
    );
  });

  it('goes on where it was when rank 0 is killed and started again with --resume', async () => {
    const place = await Workplace.create();
    nextPort += 1;
    const env = { ...ENV, FEDLOOM_SIZE: '3', FEDLOOM_SERVER: `ws://127.0.0.1:${nextPort}` };
    const start = (rank: number, more: NodeJS.ProcessEnv = {}) => {
      const own = { ...env, FEDLOOM_RANK: String(rank), ...more };
      return new PythonProcess([join(PROGRAMS, 'small.py'), 'slow', '8'], { cwd: place.path, env: own });
    };
    const clients = [start(1), start(2)];
    const killed = start(0);
    await killed.says('round 1/8');
    killed.child.kill('SIGKILL');
    await killed.ended;
    await serverGone(place);
    const resumed = await start(0, { FEDLOOM_SERVER_OPTIONS: '--resume' }).ended;
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/Finished 8 rounds/);
    expect(resumed.stdout).toMatch(/^\[13\.33333\d*, .*\] 8 0\n$/);
    for (const client of clients) expect((await client.ended).code, client.stderr).toBe(0);
  });

  it('ends with what aggregate raised, in all ranks', async () => {
    const { ended } = await small('failing');
    expect(ended.map(({ code }) => code)).toEqual([1, 1, 1]);
    expect(ended[0]?.stderr).toMatch(/in aggregate\n.*\nValueError: no aggregate today\n$/);
    expect(ended[1]?.stderr).toMatch(/Rank 1: the server ended the run early/);
  });

  it.each([
    ['no rank', {}, /Nothing says which process this is: start the program with mpirun -np N, or .* FEDLOOM_RANK/],
    ['a rank beyond the size', { FEDLOOM_RANK: '3', FEDLOOM_SIZE: '3' }, /FEDLOOM_RANK=3 is no rank of FEDLOOM_SIZE=3/],
    [
      'too few processes',
      { FEDLOOM_RANK: '0', FEDLOOM_SIZE: '2' },
      /client_num_in_total is 2, but 2 processes are a server and 1 clients: start 3/,
    ],
    [
      'no server',
      { FEDLOOM_RANK: '0', FEDLOOM_SIZE: '3', FEDLOOM_COMMAND: '/no/such/fedloom' },
      /Cannot start .*\/no\/such\/fedloom/,
    ],
    [
      'an address that is none',
      { FEDLOOM_RANK: '1', FEDLOOM_SIZE: '3', FEDLOOM_SERVER: 'there' },
      /FEDLOOM_SERVER=there is no address/,
    ],
    [
      'several hosts, no address',
      { OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '3', OMPI_COMM_WORLD_LOCAL_SIZE: '1', HIDE_MPI: '1' },
      /set FEDLOOM_SERVER=ws:\/\/HOST:PORT for all of them/,
    ],
  ])('refuses %s', async (_, env, said) => {
    const place = await Workplace.create();
    const hide = 'HIDE_MPI' in env ? "import sys; sys.modules['mpi4py'] = None; " : '';
    const script = `${hide}import runpy, sys; sys.argv = ['small.py', 'nothing']; runpy.run_path('${join(PROGRAMS, 'small.py')}', run_name='__main__')`;
    const { code, stderr } = await new PythonProcess(['-c', script], { cwd: place.path, env: { ...ENV, ...env } })
      .ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(said);
  });
});
