// The two images that deploy/Dockerfile starts from, made without a registry: Debian by debootstrap, Node of this machine.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { docker } from './docker.js';

const SUITE = 'bookworm';
/** What nobody reads in a container. */
const LEFT_OUT = [
  'usr/share/doc',
  'usr/share/info',
  'usr/share/locale',
  'usr/share/man',
  'var/cache',
  'var/lib/apt/lists',
  'var/log',
];
const CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Sees to it that the engine has both.
 *
 * @param {string} host the engine
 * @param {string} folder keeps the archive of Debian for engines to come
 * @returns {Promise<Record<'BASE_IMAGE' | 'NODE_IMAGE' | 'CA_BUNDLE', string>>} build arguments
 */
export async function baseImages(host, folder) {
  const debian = `local/debian:${SUITE}`;
  if (!(await has(host, debian))) {
    await docker(host, ['import', '-', debian], { input: createReadStream(await debianArchive(folder)) });
  }
  const node = `local/node:${process.version}`;
  if (!(await has(host, node))) await docker(host, ['import', '-', node], { input: nodeArchive() });
  return { BASE_IMAGE: debian, NODE_IMAGE: node, CA_BUNDLE: existsSync(CA_BUNDLE) ? CA_BUNDLE : '' };
}

async function has(host, image) {
  return (await docker(host, ['images', '--quiet', image])).trim() !== '';
}

async function debianArchive(folder) {
  const archive = join(folder, `debian-${SUITE}-${process.arch}.tar`);
  if (existsSync(archive)) return archive;
  process.stderr.write('Making a Debian base image with debootstrap: a minute, once.\n');
  for (const name of readdirSync(folder)) {
    // What one that was killed has left: this process has the engine of this folder, so nobody works on it.
    if (/^debian-[^.]*$/.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
  const place = mkdtempSync(join(folder, 'debian-'));
  const root = join(place, 'root');
  try {
    await run('debootstrap', ['--variant=minbase', SUITE, root, ...mirrors()]);
    // Whoever signs for the machine's mirrors signs for those of the image.
    if (existsSync(CA_BUNDLE)) {
      await run('mkdir', ['--parents', join(root, dirname(CA_BUNDLE))]);
      copyFileSync(CA_BUNDLE, join(root, CA_BUNDLE));
    }
    const made = join(place, 'made.tar');
    await run('tar', [
      '--create',
      '--file',
      made,
      '--directory',
      root,
      ...LEFT_OUT.map((place) => `--exclude=./${place}/*`),
      '.',
    ]);
    renameSync(made, archive);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return archive;
}

/** Where this machine gets Debian from; none: where debootstrap does. */
function mirrors() {
  const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'];
  const uris = spawnSync('apt-get', args, { encoding: 'utf8' }).stdout.split('\n');
  return uris.filter((uri) => /\/debian\/?$/.test(uri)).slice(0, 1);
}

/** Node and npm as they are here, where the official image has them. */
function nodeArchive() {
  const npm = dirname(dirname(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())));
  const moved = [
    [process.execPath, 'usr/local/bin/node'],
    [npm, 'usr/local/lib/node_modules/npm'],
  ];
  const rename = moved.map(([from, to]) => `--transform=flags=r;s|^${from.slice(1)}|${to}|`);
  const child = spawn('tar', ['--create', '--directory=/', ...rename, ...moved.map(([from]) => from.slice(1))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return child.stdout;
}

function run(program, args) {
  // Their talk is of use only to who waits.
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args.join(' ')} failed with exit code ${code}.`));
    });
  });
}
