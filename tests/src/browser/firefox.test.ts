import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, joinFederation, simulate } from 'fedloom';
import { describe, expect, it, onTestFinished } from 'vitest';
import { digits } from './digits.js';
import { distance } from './distance.js';
import { hostPages } from './page-host.js';

const PATH = '/usr/bin/firefox-esr';
const installed = existsSync(PATH);
const size = { clients: 2, clientsPerRound: 2, rounds: 2, seed: 4, workers: 1 };

/** Debian's Firefox takes no orders from outside: this page does by itself what it is to do, and posts what came of it. */
const page = (url: string, options: object) => `<!doctype html><title>A page</title><script type="module">
  import { joinFederation } from '/fedloom/index.js';
  const post = (value) => fetch('/', { method: 'POST', body: JSON.stringify(value) });
  const client = joinFederation(${JSON.stringify(url)}, ${JSON.stringify(options)});
  client.finished.then(({ reason }) => post({ reason, isolated: crossOriginIsolated }), ({ message }) => post({ message }));
</script>`;

/** Opens a page until the test ends. */
async function open(address: string): Promise<void> {
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

const title = installed ? 'a page in Firefox' : 'a page in Firefox (tests/src/browser/install.sh)';
describe.skipIf(!installed && process.env.CI !== 'true')(title, () => {
  it('takes part on several threads, and the model is that of Node alone', async () => {
    const { task, dataOf } = digits(2);
    const files: Record<string, string> = {};
    let posted: (text: string) => void = () => {};
    const said = new Promise<string>((resolve) => {
      posted = resolve;
    });
    const host = await hostPages({ isolated: true, files, onPost: (text) => posted(text) });
    const server = await createServer(task, { ...size, allowedOrigins: [host] });
    onTestFinished(() => server.close());
    const options = { clients: [{ from: 0, count: 1 }], data: dataOf(0), runtime: '/onnxruntime/', threads: 2 };
    files['/client.html'] = page(server.url, options);
    await open(`${host}/client.html`);
    const joined = joinFederation(server.url, { clients: [{ from: 1, count: 1 }], task, workers: 1 });
    const [result, alone] = await Promise.all([server.result, simulate(task, size).result, joined]);
    expect(JSON.parse(await said)).toEqual({ reason: 'completed', isolated: true });
    expect(distance(result.model, alone.model)).toBeLessThan(1e-4);
  });
});
