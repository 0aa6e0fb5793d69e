import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, onTestFinished } from 'vitest';

const PATH = '/usr/bin/firefox-esr';
const INSTALL = 'tests/src/browser/install.sh';
const installed = existsSync(PATH);

/** Tests of pages in Firefox. Where it is not installed they are skipped; CI needs it. */
export function describeFirefox(name: string, tests: () => void): void {
  describe.skipIf(!installed && process.env.CI !== 'true')(installed ? name : `${name} (${INSTALL})`, tests);
}

/** Opens a page until the test ends. Debian's Firefox takes no orders from outside: pages do by themselves what they are to do. */
export async function openInFirefox(address: string): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), 'fedloom-firefox-'));
  const child = spawn(PATH, ['--headless', '--no-remote', '--profile', profile, address], {
    stdio: 'ignore',
    env: { ...process.env, HOME: profile },
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill();
    await ended;
    await rm(profile, { recursive: true, maxRetries: 5 });
  });
}
