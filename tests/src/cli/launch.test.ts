import { createHash } from 'node:crypto';
import { access, readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';
import { runningIn, SshHosts, sshMissing } from './ssh-hosts.js';

const HOSTS = ['HeadNode', 'ComputeNode1', 'ComputeNode2'];

describe('launch on this machine', () => {
  it('trains over the hosts of a file to the hash of the run in one process', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, hosts: '127.0.0.1\n127.0.0.2\n127.0.0.3\n' });
    const launched = await place.run('launch task.ts 6 3 4 --seed 5 --port 0 --hostfile hosts --json');
    expect(launched.stderr).toContain('127.0.0.1  ranks 0, 3, 6 (0: the server)');
    expect(launched.stderr).toContain('[1,4 127.0.0.2] Joined run');
    expect(launched.code).toBe(0);
    expect(hashOf(launched.stdout)).toBe(hashOf((await place.run('run task.ts 6 3 4 --seed 5 --json')).stdout));
    expect(runningIn(place.path)).toEqual([]);
  });

  it("does so over MQTT, through a broker of the server's own", async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, hosts: '127.0.0.1\n127.0.0.2\n' });
    const launched = await place.run('launch task.ts 3 2 3 --port 0 --hostfile hosts --mqtt --json');
    expect(launched.stderr).toContain('Listening on mqtt://127.0.0.1:');
    expect(launched.code).toBe(0);
    expect(hashOf(launched.stdout)).toBe(hashOf((await place.run('run task.ts 3 2 3 --json')).stdout));
  });
});

describe.skipIf(sshMissing)(`launch by ssh${sshMissing === undefined ? '' : ` (${sshMissing})`}`, () => {
  let hosts: SshHosts;
  beforeAll(async () => {
    hosts = await SshHosts.start([...HOSTS, 'Doomed', 'Fatal']);
  });
  afterAll(() => hosts?.stop());
  const files = { 'task.ts': CLOUDS, hosts: `${HOSTS.join('\n')}\n` };
  const command = (rest: string, address = '127.0.0.1') =>
    `launch task.ts ${rest} --hostfile hosts --ssh-config ${hosts.config} --address ${address} --port 0`;

  it.each([
    ['WebSocket', '', 'wss'],
    ['MQTT', '--mqtt', 'mqtts'],
  ])('over %s, where others can reach the server, with a certificate and tokens of its own', async (_, how, scheme) => {
    const place = await Workplace.create(files);
    const launcher = place.start(command(`6 3 10 --json ${how}`, addressForOthers()));
    const started = await launcher.event('started');
    const { code, stdout } = await launcher.ended;
    const url = /Listening on (\S+)/.exec(launcher.stderr)?.[1] ?? '';
    expect(url).toMatch(new RegExp(`^${scheme}://`));
    expect(code).toBe(0);
    expect(hashOf(stdout)).toBe(hashOf((await place.run('run task.ts 6 3 10 --out simulated --json')).stdout));
    const audit = (await readFile(join(String(started.folder), 'audit.jsonl'), 'utf8')).split('\n').slice(0, -1);
    const admitted = audit.map((line) => JSON.parse(line)).filter(({ event }) => event === 'admitted');
    expect(admitted.map(({ method, identity }) => `${method} ${identity}`)).toEqual(Array(3).fill('token launch'));
  });

  it('trains to the hash of the run in one process, and has the model here', async () => {
    const place = await Workplace.create(files);
    await place.write('there/task.ts', CLOUDS);
    const launched = await place.run(command(`6 3 4 --json --cwd ${join(place.path, 'there')}`));
    expect(launched.stderr).toContain('[2,5 ComputeNode2] Joined run');
    expect(launched.code).toBe(0);
    const simulated = await place.run('run task.ts 6 3 4 --out simulated --json');
    expect(hashOf(launched.stdout)).toBe(hashOf(simulated.stdout));
    const finished = eventIn(launched.stdout, 'finished');
    expect(String(finished.model)).toBe(
      join(place.path, 'runs', (await readdir(join(place.path, 'runs')))[0] ?? '', 'model.safetensors'),
    );
    await access(String(finished.model));
    expect(runningIn(place.path)).toEqual([]);
  });

  it('goes on without a host that dies in the midst of the run, and says so', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, hosts: 'HeadNode\nComputeNode1\nDoomed\n' });
    const launcher = place.start(command('6 3 300 --json --grace 0.1 --deadline 10'));
    await launcher.event('round', ({ round }) => Number(round) >= 3);
    hosts.kill('Doomed');
    const { code, stderr, stdout } = await launcher.ended;
    expect(stderr).toContain('warning: Ranks 2 and 5 on Doomed: ssh ended with exit code 255.');
    expect(eventIn(stdout, 'finished').rounds).toBe(300);
    expect(code).toBe(0);
    expect(await left(place)).toEqual([]);
  });

  it('ends the run where its last clients die, with the model so far', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, hosts: 'HeadNode slots=1\nFatal\n' });
    const launcher = place.start(command('2 2 2000 --json'));
    await launcher.event('round', ({ round }) => Number(round) >= 3);
    hosts.kill('Fatal');
    const { code, stderr, stdout } = await launcher.ended;
    expect(stderr).toContain('fedloom: Ranks 1 and 2 on Fatal: ssh ended with exit code 255.');
    expect(code).toBe(1);
    await access(String(eventIn(stdout, 'error').model));
    expect(await left(place)).toEqual([]);
  });

  it('ends everything in order at Ctrl-C, and has the model so far here', async () => {
    const place = await Workplace.create(files);
    const launcher = place.start(command(`6 3 2000 --json --out model`));
    await launcher.event('round', ({ round }) => Number(round) >= 3);
    launcher.child.kill('SIGINT');
    const { code, stdout } = await launcher.ended;
    expect(code).toBe(130);
    expect(eventIn(stdout, 'error')).toMatchObject({ code: 'run.cancelled' });
    await access(String(eventIn(stdout, 'error').model));
    expect(await left(place)).toEqual([]);
  });

  it('goes on with a run that was interrupted, and has its model here again', async () => {
    const place = await Workplace.create(files);
    await place.write('there/task.ts', CLOUDS);
    const args = command(`6 3 60 --json --cwd ${join(place.path, 'there')}`, addressForOthers());
    const interrupted = place.start(args);
    await interrupted.event('round', ({ round }) => Number(round) >= 3);
    interrupted.child.kill('SIGTERM');
    const { code, stderr } = await interrupted.ended;
    expect(stderr).toContain('Go on with it: the same command with --resume.');
    expect(code).toBe(143);
    const resumed = await place.run(`${args} --resume`);
    expect(eventIn(resumed.stdout, 'started').roundsBefore).toBeGreaterThanOrEqual(3);
    const { model, modelHash } = eventIn(resumed.stdout, 'finished');
    expect(sha256(await readFile(String(model)))).toBe(modelHash);
    expect(modelHash).toBe(hashOf((await place.run('run task.ts 6 3 60 --out simulated --json')).stdout));
  });

  it('leaves no process behind when it is killed', async () => {
    const place = await Workplace.create(files);
    const launcher = place.start(command('6 3 2000 --json'));
    await launcher.event('round', ({ round }) => Number(round) >= 3);
    const titles = runningIn(place.path).map((line) => line.replace(/^\d+ /, '').trim());
    expect(titles).toEqual(
      expect.arrayContaining([
        'fedloom launch',
        'fedloom server of 6 clients',
        'fedloom client 3,6 of 6',
        'fedloom client 1,4 of 6',
        'fedloom client 2,5 of 6',
      ]),
    );
    launcher.child.kill('SIGKILL');
    await launcher.ended;
    expect(await left(place)).toEqual([]);
  });

  it('runs the set-up on every host first, and fails with what it said', async () => {
    const place = await Workplace.create(files);
    await place.write('fails', '#!/bin/sh\necho made $1 && exit 3\n');
    const launched = await place.run([...command('2 2 1').split(' '), '--setup', 'echo "ready: $PWD"; sh fails it']);
    expect(launched.stdout).toContain(`[ComputeNode2] ready: ${place.path}\n[ComputeNode2] made it`);
    expect(launched.stdout).not.toContain('Listening');
    expect(launched.stderr).toMatch(/^fedloom: The set-up of HeadNode ended with exit code 3\./);
    expect(launched.code).toBe(1);
  });
});

/** By which other machines reach this one. */
function addressForOthers(): string {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const found = own.find(({ family, internal }) => family === 'IPv4' && !internal);
  if (found === undefined) throw new Error('this machine has no address but those of loopback');
  return found.address;
}

/** Processes of the place that are still there when they have had the time to leave. */
async function left(place: Workplace): Promise<string[]> {
  const untilMs = performance.now() + 20_000;
  while (runningIn(place.path).length > 0 && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return runningIn(place.path);
}

function eventIn(stdout: string, name: string): Readonly<Record<string, unknown>> {
  const events = stdout
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
  const found = events.find(({ event }) => event === name);
  if (found === undefined) throw new Error(`no event ${name} in ${stdout}`);
  return found;
}

function hashOf(stdout: string): unknown {
  return eventIn(stdout, 'finished').modelHash;
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
