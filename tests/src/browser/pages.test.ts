import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  acceptTokens,
  createServer,
  joinFederation,
  type PlanTask,
  type RoundRecord,
  type RunResult,
  scaffold,
  simulate,
} from 'fedloom';
import type { Browser } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import { certificates } from '../mqtt/certificates.js';
import { describeChromium } from './chromium.js';
import { digits } from './digits.js';
import { distance } from './distance.js';
import { ClientPage } from './page.js';
import { hostPages } from './page-host.js';

const size = { clients: 3, clientsPerRound: 3, rounds: 3, seed: 4 };
/** Of a client in a round: two epochs of three batches. */
const STEPS = 6;
const one = (from: number) => [{ from, count: 1 }];

async function serve(task: ReturnType<typeof digits>['task'], options: Parameters<typeof createServer>[1]) {
  const server = await createServer(task, { workers: 1, ...options });
  onTestFinished(() => server.close());
  const records: RoundRecord[] = [];
  server.run.on('round', (record) => records.push(record));
  return { server, records };
}

const accuracyOf = ({ metrics }: RunResult) => Number(metrics.accuracy);

/** What the task's models compute, as it lies in a run's folder. */
function inferenceOf(task: PlanTask): Promise<Uint8Array> {
  const run = simulate(task, { ...size, workers: 1 });
  return new Promise((resolve, reject) => {
    run.once('prepared', ({ inference }) => {
      if (inference !== undefined) resolve(inference());
      run.cancel();
    });
    run.result.catch(reject);
  });
}

/** A worker that counts what it has the graphics adapter do, and says it to whoever asks. */
const countingWorker = {
  '/counting-worker.js': "import '/count.js'; import '/fedloom/worker.js';",
  '/count.js': `let dispatches = 0;
    const { prototype } = GPUComputePassEncoder;
    for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
      const dispatch = prototype[name];
      prototype[name] = function (...given) {
        dispatches += 1;
        return dispatch.apply(this, given);
      };
    }
    const channel = new BroadcastChannel('dispatches');
    channel.onmessage = () => channel.postMessage(dispatches);`,
};

const pem = certificates();

describeChromium('pages in Chromium', chromiumTests, pem['server.pem']);

function chromiumTests(browser: () => Promise<Browser>): void {
  it('two pages, one of them isolated, and a client in Node come to the model of Node alone', async () => {
    const { task, dataOf } = digits(3);
    const hosts = await Promise.all([hostPages(), hostPages({ isolated: true })]);
    const { server, records } = await serve(task, { ...size, allowedOrigins: hosts });
    const joined = joinFederation(server.url, { clients: one(2), task, workers: 1 });
    const pages = await Promise.all(
      hosts.map(async (host, client) => {
        const page = await ClientPage.open(await browser(), host);
        await page.join(server.url, { clients: one(client), data: dataOf(client), threads: client + 1 });
        return page;
      }),
    );
    expect(await Promise.all(pages.map(({ page }) => page.evaluate('crossOriginIsolated')))).toEqual([false, true]);
    const [result, alone] = await Promise.all([server.result, simulate(task, { ...size, workers: 1 }).result, joined]);
    const ends = await Promise.all(pages.map((page) => page.end()));
    expect(ends.map(({ ended, error }) => error ?? ended)).toEqual(['completed', 'completed']);
    expect(records.map(({ counted }) => counted)).toEqual(new Array(3).fill([0, 1, 2]));
    expect(records.map(({ testSampleCount }) => testSampleCount)).toEqual(new Array(3).fill(15));
    expect(distance(result.model, alone.model)).toBeLessThan(1e-4);
    expect(accuracyOf(result)).toBeCloseTo(accuracyOf(alone), 4);
    expect(accuracyOf(result)).toBeGreaterThan(0.5);
  });

  /** A run with a page as client 0 and others in Node, and the page. */
  async function withPage(options: Partial<Parameters<typeof createServer>[1]> = {}, more: object = {}) {
    const { task, dataOf } = digits(options.clients ?? 3);
    const files = { ...countingWorker, '/inference.onnx': await inferenceOf(task) };
    const host = await hostPages({ files });
    const { server, records } = await serve(task, { ...size, allowedOrigins: [host], farewellMs: 0, ...options });
    // The page was asked when they were.
    const othersTrained = new Promise<void>((resolve) => {
      let updates = 0;
      server.run.on('update', () => {
        updates += 1;
        if (updates === 2) resolve();
      });
    });
    const page = await ClientPage.open(await browser(), host);
    await page.join(server.url, { clients: one(0), data: dataOf(0), ...more });
    const others = () => joinFederation(server.url, { clients: [{ from: 1, count: 2 }], task, workers: 1 });
    return { server, records, task, dataOf, page, others, othersTrained };
  }

  it('a tab that is closed costs its own update', async () => {
    const { server, records, page, others, othersTrained } = await withPage({ quorum: 2, graceMs: 100 });
    await page.event('joined');
    await page.tell('pause');
    const joined = others();
    await othersTrained;
    await page.page.close();
    await Promise.all([server.result, joined]);
    expect(records.map(({ counted }) => counted)).toEqual(new Array(3).fill([1, 2]));
  });

  it('does nothing while it is paused, goes on, and leaves', async () => {
    const { server, records, page, others, othersTrained } = await withPage({ quorum: 2, graceMs: 100 });
    await page.event('joined');
    await page.tell('pause');
    const joined = others();
    await othersTrained;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(records).toEqual([]);
    expect((await page.state()).events.map(({ type }) => type)).toEqual(['joined']);
    await page.tell('resume');
    await page.event('trained');
    await page.tell('leave');
    expect(await page.end()).toMatchObject({ ended: 'left' });
    await Promise.all([server.result, joined]);
    expect(records).toHaveLength(3);
    expect(records.at(-1)?.counted).toEqual([1, 2]);
  });

  it.each([
    ['keeps private state over a reload', {}, true],
    ['keeps none where it is told so', { keepState: false }, false],
  ])('%s', async (_what, more, isKept) => {
    const { dataOf, task } = digits(2, 4);
    const scaffolded = { ...task, algorithm: scaffold() };
    const run = { ...size, clients: 2, clientsPerRound: 2, workers: 1 };
    const host = await hostPages();
    // The second round is held until the page is loaded again.
    let reached: () => void = () => {};
    let goOn: () => void = () => {};
    const twoRounds = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const reloaded = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const checkpoint = async (round: number) => {
      if (round !== 1) return;
      reached();
      await reloaded;
    };
    const { server, records } = await serve(scaffolded, { ...run, checkpoint, allowedOrigins: [host] });
    const page = await ClientPage.open(await browser(), host);
    const join = () => page.join(server.url, { clients: one(0), data: dataOf(0), ...more });
    await join();
    const joined = joinFederation(server.url, { clients: one(1), task: scaffolded, workers: 1 });
    await twoRounds;
    await page.reload();
    expect(await page.kept()).toEqual(isKept ? ['fedloom-states'] : []);
    goOn();
    await join();
    const [result, alone] = await Promise.all([server.result, simulate(scaffolded, run).result, joined]);
    expect((await page.end()).ended).toBe('completed');
    expect(records.map(({ counted }) => counted)).toEqual(new Array(3).fill([0, 1]));
    expect(distance(result.model, alone.model) < 1e-4).toBe(isKept);
    expect(await page.kept()).toEqual([]);
  });

  it('predicts with the newest model, while it is paused and when the run is over, until it leaves', async () => {
    const { server, dataOf, page, others } = await withPage({}, { inference: '/inference.onnx' });
    const { x, y } = dataOf(0).test;
    await expect(page.predict(x)).rejects.toThrow(/No model has come yet/);
    await page.event('joined');
    const joined = others();
    await page.event('trained');
    await page.tell('pause');
    expect((await page.predict(x)).label).toHaveLength(5);
    await page.tell('resume');
    const [{ model }] = await Promise.all([server.result, joined]);
    await page.end();
    const { label, probabilities } = await page.predict(x);
    expect(model.size).toBeGreaterThan(0);
    expect(label.filter((one, at) => one === y[at]).length).toBeGreaterThanOrEqual(4);
    expect(probabilities).toHaveLength(15);
    await page.tell('leave');
    await expect(page.predict(x)).rejects.toThrow(/has left/);
  });

  it.each<[string, string, RegExp, (dataOf: ReturnType<typeof digits>['dataOf']) => object]>([
    [
      'labels that there are not',
      'data.labels',
      /client 0, train: sample 1 has label 7/,
      (dataOf) => {
        const { x, y } = dataOf(0).train;
        return { data: { train: { x, y: y.map((label, at) => (at === 1 ? 7 : label)) } } };
      },
    ],
    [
      'samples of another shape',
      'data.shape',
      /x has shape \[7\]; expected is \[samples, 1, 8, 8\]/,
      () => ({
        data: { train: { x: [1, 2, 3, 4, 5, 6, 7], y: [0] } },
      }),
    ],
    [
      'a runtime that is not there',
      'browser.runtime',
      /\/nowhere\/ort.wasm.min.mjs.*onnxruntime-web/,
      () => ({ runtime: '/nowhere' }),
    ],
    [
      'a worker that is not there',
      'browser.worker',
      /The worker of this page failed/,
      () => ({ worker: '/nowhere.js' }),
    ],
  ])('says what is wrong: %s', async (_what, code, message, wrong) => {
    const { task, dataOf } = digits(3);
    const host = await hostPages();
    const { server } = await serve(task, { ...size, allowedOrigins: [host] });
    const page = await ClientPage.open(await browser(), host);
    await page.join(server.url, { clients: one(0), data: dataOf(0), ...wrong(dataOf) });
    expect((await page.end()).error).toEqual({ code, message: expect.stringMatching(message) });
  });

  it('says what is wrong with data that cannot leave the page, and leaves though its data never come', async () => {
    const { task } = digits(3);
    const host = await hostPages();
    const { server } = await serve(task, { ...size, allowedOrigins: [host] });
    const { page } = await ClientPage.open(await browser(), host);
    const codeOf = (data: string, then: string) =>
      page.evaluate(`(async () => {
        const client = fedloom.joinFederation(${JSON.stringify(server.url)}, {
          clients: [{ from: 0, count: 1 }], runtime: '/onnxruntime/', data: ${data},
        });
        const ended = client.finished.then((finish) => finish ?? 'left', ({ code }) => code);
        ${then}
        return ended;
      })()`);
    expect(await codeOf('{ train: { x: new Proxy([[1, 2]], {}), y: [0] } }', '')).toBe('client.options');
    expect(await codeOf('() => new Promise(() => {})', 'await client.leave();')).toBe('left');
    const early = 'return client.predict(new Uint8Array(64)).catch(({ code }) => { client.leave(); return code; });';
    const drawn = '{ train: { x: new Uint8Array(64), y: [0] } }';
    expect(await codeOf(drawn, early)).toBe('browser.no-inference');
  });

  it('a page of an origin that the server was not told is kept out', async () => {
    const { task, dataOf } = digits(3);
    const { server } = await serve(task, { ...size, allowedOrigins: ['https://elsewhere.example'] });
    const page = await ClientPage.open(await browser(), await hostPages());
    await page.join(server.url, { clients: one(0), data: dataOf(0), retryForMs: 0 });
    const { error } = await page.end();
    expect(error).toEqual({
      code: 'client.no-server',
      message: expect.stringMatching(/does not accept this page's origin/),
    });
  });

  it('proves a token over wss, whose certificate its browser has checked', async () => {
    const { task, dataOf } = digits(3);
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-tokens-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const token = `0123456789ab.${'s'.repeat(43)}`;
    await writeFile(join(folder, 'tokens'), `${token} name=page\n`, { mode: 0o600 });
    const host = await hostPages();
    const { server } = await serve(task, {
      ...size,
      allowedOrigins: [host],
      auth: [acceptTokens(join(folder, 'tokens'))],
      tls: { certificate: pem['server.pem'], key: pem['server.key'] },
    });
    const joinAs = async (more: object) => {
      const page = await ClientPage.open(await browser(), host);
      await page.join(server.url, { clients: one(0), data: dataOf(0), ...more });
      return page;
    };
    const stranger = await joinAs({});
    expect((await stranger.end()).error).toMatchObject({ code: 'protocol.auth' });
    const invited = await joinAs({ token });
    await invited.event('joined');
    await invited.tell('leave');
    expect((await invited.end()).ended).toBe('left');
  });

  it('does not take part where its browser does not trust the certificate', async () => {
    const { task, dataOf } = digits(3);
    const other = certificates();
    const host = await hostPages();
    const tls = { certificate: other['server.pem'], key: other['server.key'] };
    const { server } = await serve(task, { ...size, allowedOrigins: [host], tls });
    const page = await ClientPage.open(await browser(), host);
    await page.join(server.url, { clients: one(0), data: dataOf(0), retryForMs: 0 });
    expect((await page.end()).error).toMatchObject({ code: 'client.no-server' });
  });

  it('trains by WebGPU, max pools included: the adapter is what computes', async () => {
    const single = { clients: 1, clientsPerRound: 1, rounds: 1 };
    // With a model to predict with the worker stays when the run is over.
    const more = { device: 'webgpu', worker: '/counting-worker.js', inference: '/inference.onnx' };
    const { server, page, task } = await withPage(single, more);
    const [result, alone] = await Promise.all([
      server.result,
      simulate(task, { ...size, ...single, workers: 1 }).result,
    ]);
    expect((await page.end()).ended).toBe('completed');
    expect(distance(result.model, alone.model)).toBeLessThan(1e-4);
    const dispatches = await page.page.evaluate(`new Promise((resolve) => {
      const channel = new BroadcastChannel('dispatches');
      channel.onmessage = ({ data }) => resolve(data);
      channel.postMessage('how many?');
    })`);
    expect(dispatches).toBeGreaterThan(STEPS * 10);
  }, 120_000);
}
