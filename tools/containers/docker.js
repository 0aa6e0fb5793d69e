// The command `docker`, told which engine it is to talk to.
import { spawn } from 'node:child_process';

const LINES_TOLD = 40;

/**
 * @param {string} host the engine: unix:///path
 * @param {readonly string[]} args
 * @param {{ input?: import('node:stream').Readable, show?: boolean, env?: NodeJS.ProcessEnv, cwd?: string }} [options]
 *   `show`: its output goes to stderr as it comes
 * @returns {Promise<string>} what it printed
 * @throws {Error} with what it said, when it fails
 */
export function docker(host, args, { input, show = false, env, cwd } = {}) {
  const child = spawn('docker', args, {
    env: { ...process.env, ...env, DOCKER_HOST: host },
    cwd,
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
    if (show) process.stderr.write(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
    if (show) process.stderr.write(text);
  });
  // A command that has failed reads no further; its exit code tells.
  if (input) input.pipe(child.stdin).on('error', () => {});
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`docker ${args[0]} failed with exit code ${code}:\n${lastLines(printed + said)}`));
    });
  });
}

function lastLines(text) {
  return text.trim().split('\n').slice(-LINES_TOLD).join('\n');
}
