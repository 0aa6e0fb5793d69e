import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, posix } from 'node:path';
import { promisify } from 'node:util';
import { FedloomError } from '@fedloom/engine/base';
import { LastLines } from '../core/last-lines.js';
import { makeFolders } from '../core/node/make-folders.js';
import type { Host } from './hostfile/host.js';
import { said } from './launched-part.js';
import { shellWords } from './shell-words.js';
import { type SshOptions, sshArguments } from './ssh.js';

const LINES_KEPT = 12;

/**
 * Copies a folder of another machine here, by `tar` over ssh.
 * @param from its absolute path there
 * @param to its absolute path here, with the same last part
 * @throws FedloomError `launch.fetch`
 */
export async function fetchFolder(host: Host, ssh: SshOptions, from: string, to: string): Promise<void> {
  const into = dirname(to);
  await makeFolders(into);
  const packing = shellWords(['tar', '-C', posix.dirname(from), '-cf', '-', posix.basename(from)]);
  const lines = new LastLines(LINES_KEPT);
  const there = spawn('ssh', [...sshArguments(ssh, host), packing], { stdio: ['ignore', 'pipe', 'pipe'] });
  const here = spawn('tar', ['-C', into, '-xf', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
  for (const { stderr } of [there, here]) stderr.setEncoding('utf8').on('data', (text: string) => lines.add(text));
  // Their exit codes tell whether all has come. A stream that is still shutting down when its process ends would count as broken.
  here.stdin.on('error', () => {});
  there.stdout.pipe(here.stdin);
  try {
    const ends = await Promise.all([once(there, 'close'), once(here, 'close')]);
    if (ends.every(([code]) => code === 0)) return;
  } catch (error) {
    lines.add(`${error instanceof Error ? error.message : error}\n`);
  }
  const message =
    `The run's folder could not be copied from ${host.name}.${said(lines.all())}\n` +
    `It lies there as ${from}: copy it by hand.`;
  throw new FedloomError('launch.fetch', message, { host: host.name, from, to, lines: lines.all() });
}

/** Whether a file of another machine is the same here, as it is where both have one file system. */
export async function isSameFile(host: Host, ssh: SshOptions, there: string, here: string): Promise<boolean> {
  try {
    const [ours, { stdout }] = await Promise.all([
      readFile(here, 'utf8'),
      promisify(execFile)('ssh', [...sshArguments(ssh, host), shellWords(['cat', there])]),
    ]);
    return ours === stdout;
  } catch {
    return false;
  }
}
