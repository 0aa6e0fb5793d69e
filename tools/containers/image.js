// Builds the images of deploy/ with what this machine can reach.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { baseImages } from './base-images.js';
import { docker } from './docker.js';

const TAG = 'fedloom';
/** Dockerfile.pytorch without PyTorch, which is gigabytes: trainers that import it need it mounted, or installed. */
const PYTHON_TAG = 'fedloom-python';
const LABEL = 'fedloom.checkout';
const root = fileURLToPath(new URL('../..', import.meta.url));
/** Several checkouts share an engine's images: what each builds has a name of its own. */
const own = `fedloom-of-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`;

/**
 * @param {string} host the engine
 * @param {{ folder: string, show: boolean }} options `folder`: keeps the archive of the base image
 */
export async function buildImage(host, { folder, show }) {
  const { CA_BUNDLE, ...images } = await baseImages(host, folder);
  const build = (file, values, ...more) => {
    const given = Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
    const options = ['--network=host', `--file=deploy/${file}`, `--label=${LABEL}=${root}`, ...given, ...more];
    // The builder that every engine has.
    return docker(host, ['build', ...options, '.'], { cwd: root, show, env: { DOCKER_BUILDKIT: '0' } });
  };
  // By a name of its own the stage that builds is kept, and with it what npm fetched.
  await build('Dockerfile', { ...images, CA_BUNDLE }, '--target=build', `--tag=${own}-build`);
  await build('Dockerfile', { ...images, CA_BUNDLE }, `--tag=${own}`);
  await build('Dockerfile.pytorch', { FEDLOOM_IMAGE: own, TORCH: 'numpy', CA_BUNDLE }, `--tag=${own}-python`);
  await nameImage(host);
  await removeStale(host);
}

/** Gives what was built here the names `fedloom` and `fedloom-python`, which another checkout may have taken since. */
export async function nameImage(host) {
  await docker(host, ['tag', own, TAG]);
  await docker(host, ['tag', `${own}-python`, PYTHON_TAG]);
}

/** Images of checkouts that are gone, and what earlier builds left. */
async function removeStale(host) {
  const names = await docker(host, ['images', `--filter=label=${LABEL}`, '--format={{.Repository}}']);
  for (const name of names.split('\n').filter((line) => line.startsWith('fedloom-of-'))) {
    const checkout = await docker(host, ['inspect', `--format={{index .Config.Labels "${LABEL}"}}`, name]);
    if (!existsSync(checkout.trim())) await docker(host, ['rmi', name]);
  }
  await docker(host, ['image', 'prune', '--force']);
}
