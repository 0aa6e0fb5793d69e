// Containers on a Linux machine that has Docker's packages, but reaches no registry of images, or is not to share its engine:
//   node tools/containers/main.js install  installs Docker's packages, where they are missing
//   node tools/containers/main.js build    builds the images `fedloom` and `fedloom-python` in an engine of its own
//   node tools/containers/main.js serve    the same, then runs the engine until its input ends, or Ctrl-C: set the DOCKER_HOST
//                                          that it prints, and use docker and docker-compose as ever
// The engine's containers are gone with it. Images are kept in the user's cache folder, for the next time.
// With FEDLOOM_ENGINE=unix:///var/run/docker.sock it is that engine which builds and serves, and nothing is started.
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { startEngine } from './engine.js';
import { buildImage, nameImage } from './image.js';
import { install, missing } from './requirements.js';

const [command] = process.argv.slice(2);
const given = process.env.FEDLOOM_ENGINE;
const { XDG_CACHE_HOME = '' } = process.env;
const folder = join(isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), '.cache'), 'fedloom/containers');

const interrupted = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, resolve);
});

/** An engine for a while; ended also when the work fails, or the user has had enough. */
async function withEngine(network, work) {
  if (given) return work(given);
  const engine = await startEngine(folder, network);
  try {
    return await Promise.race([
      work(engine.host),
      interrupted.then((signal) => Promise.reject(new Error(`Ended by ${signal}.`))),
    ]);
  } finally {
    await engine.stop();
  }
}

const build = () => withEngine('machine', (host) => buildImage(host, { folder, show: process.stderr.isTTY === true }));

async function serve(host) {
  await nameImage(host);
  process.stdout.write(`export DOCKER_HOST=${host}\n`);
  await new Promise((resolve) => process.stdin.resume().once('end', resolve).once('error', resolve));
}

async function main() {
  if (command === 'install') return install();
  if (command !== 'build' && command !== 'serve') throw new Error('Say what to do: install, build or serve.');
  const why = given ? undefined : missing();
  if (why !== undefined) throw new Error(why);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await build();
  if (command === 'serve') await withEngine('own', serve);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`containers: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
// The input of a terminal would hold the process.
process.stdin.pause();
