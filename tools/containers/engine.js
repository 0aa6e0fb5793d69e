// A Docker engine of one's own. It shares nothing with one that runs on the machine but the kernel.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { docker } from './docker.js';

const NAMESPACES = fileURLToPath(new URL('namespaces.sh', import.meta.url));
const START_MS = 60_000;
/** dockerd gives containers 15 s to end. */
const STOP_MS = 25_000;
const POLL_MS = 50;
const TOLD_MS = 1000;
/** What is built may fetch what it is made of, through the machine's network; dockerd leaves that network as it is. */
const WITHIN_MACHINE = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false'];

/**
 * Starts an engine, once no other process has one in this folder. Takes away what an earlier one left, but for images.
 *
 * @param {string} folder for its images and containers; made where there is none
 * @param {'machine' | 'own'} network `machine`: to build images. `own`: to run containers, in a network that leads nowhere
 * @returns {Promise<{ host: string, stop: () => Promise<void> }>} `host`: for DOCKER_HOST
 */
export async function startEngine(folder, network) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    return await start(folder, network, 'keep');
  } catch (error) {
    tell(`${error instanceof Error ? error.message : error}\nAgain, without the images that ${folder} kept.`);
    return start(folder, network, 'wipe');
  }
}

async function start(folder, network, images) {
  const group = `fedloom-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`;
  const namespaces = [
    '--mount',
    '--pid',
    '--mount-proc',
    '--fork',
    '--kill-child',
    ...(network === 'own' ? ['--net'] : []),
  ];
  const options = [`--cgroup-parent=/${group}`, ...(network === 'own' ? [] : WITHIN_MACHINE)];
  const child = spawn(
    'flock',
    ['--no-fork', join(folder, 'lock'), 'unshare', ...namespaces, NAMESPACES, folder, images, ...options],
    // Its own group: Ctrl-C is for this process, which then ends the engine in order.
    { stdio: ['pipe', 'pipe', 'inherit'], detached: true },
  );
  let ended = false;
  const end = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve)).finally(() => {
    ended = true;
  });
  const host = `unix://${join(folder, 'docker.sock')}`;

  const stop = async () => {
    child.stdin.end();
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await end;
    clearTimeout(kill);
    removeGroup(group);
  };

  const waiting = setTimeout(() => tell(`Waiting: another process has an engine in ${folder}.`), TOLD_MS);
  await Promise.race([end, new Promise((resolve) => child.stdout.once('data', resolve))]);
  clearTimeout(waiting);
  const untilMs = performance.now() + START_MS;
  while (!(await answers(host))) {
    if (ended || performance.now() > untilMs) {
      await stop();
      throw new Error(`The engine did not start. Its last words:\n${lastWords(folder)}`);
    }
    await sleep(POLL_MS);
  }
  await takeAway(host);
  return { host, stop };
}

async function answers(host) {
  try {
    await docker(host, ['version']);
    return true;
  } catch {
    return false;
  }
}

/** Containers, networks and volumes of an engine that was killed. */
async function takeAway(host) {
  const containers = (await docker(host, ['ps', '--all', '--quiet'])).split('\n').filter(Boolean);
  if (containers.length > 0) await docker(host, ['rm', '--force', '--volumes', ...containers]);
  await docker(host, ['network', 'prune', '--force']);
  const volumes = (await docker(host, ['volume', 'ls', '--quiet'])).split('\n').filter(Boolean);
  if (volumes.length > 0) await docker(host, ['volume', 'rm', ...volumes]);
}

/** The control groups of containers outlive an engine that was killed; each controller of the system may have a tree of its own. */
function removeGroup(group) {
  const root = '/sys/fs/cgroup';
  const places = [root, ...folders(root).map((controller) => join(root, controller))];
  for (const place of places) if (folders(place).includes(group)) removeTree(join(place, group));
}

function removeTree(folder) {
  for (const inner of folders(folder)) removeTree(join(folder, inner));
  try {
    rmdirSync(folder);
  } catch (error) {
    tell(`${folder} stays: ${error instanceof Error ? error.message : error}`);
  }
}

function folders(place) {
  return readdirSync(place, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

function lastWords(folder) {
  try {
    return readFileSync(join(folder, 'dockerd.log'), 'utf8').trim().split('\n').slice(-5).join('\n');
  } catch {
    return '(none)';
  }
}

function tell(text) {
  process.stderr.write(`${text}\n`);
}
