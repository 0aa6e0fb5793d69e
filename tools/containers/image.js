// Builds the image of deploy/Dockerfile with what this machine can reach.
import { fileURLToPath } from 'node:url';
import { baseImages } from './base-images.js';
import { docker } from './docker.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @param {string} host the engine
 * @param {{ folder: string, tag: string, show: boolean }} options `folder`: keeps the archive of the base image
 */
export async function buildImage(host, { folder, tag, show }) {
  const given = Object.entries(await baseImages(host, folder)).flatMap(([name, value]) => [
    '--build-arg',
    `${name}=${value}`,
  ]);
  const build = (...options) =>
    docker(host, ['build', '--network=host', '--file=deploy/Dockerfile', ...given, ...options, '.'], {
      cwd: root,
      show,
      // The builder that every engine has.
      env: { DOCKER_BUILDKIT: '0' },
    });
  // By a name of its own the stage that builds is kept, and with it what npm fetched.
  await build('--target=build', `--tag=${tag}-build`);
  await build(`--tag=${tag}`);
  // What earlier builds left.
  await docker(host, ['image', 'prune', '--force']);
}
